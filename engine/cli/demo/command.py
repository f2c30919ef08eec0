"""`passation demo`: a clinic is invented, records change hands, the power fails, all is checked."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from engine import wiring
from engine.cli.demo import checks
from engine.cli.demo.checks import Expected, Finding
from engine.cli.demo.clinic import FEWEST_INVENTED, Clinic, Inventor
from engine.cli.demo.imported import import_clinic
from engine.cli.demo.report import OUTCOMES, Report, Told
from engine.cli.demo.scenes import FEWEST_RECORDS, play
from engine.cli.demo.stage import Stage
from engine.cli.demo.words import Words
from engine.cli.dev import DevStack
from engine.errors import BadInput
from engine.fhir import files
from engine.settings import Language, Settings
from engine.states.transfer import TransferState
from engine.temporal.embedded import find_command

_FOLDER: Final = "passation-demo"
_INTERRUPTED: Final = 130


#: A dozen for the small scenes, and a caseload.
_RECORDS: Final = 72


def run_demo(
    settings: Settings,
    *,
    records: int | None,
    keep: bool,
    language: Language,
    as_json: bool,
    from_fhir: Path | None = None,
) -> int:
    """
    Run the demo; return 0 if every check holds, 1 if one fails, 130 if somebody stopped it.

    Args:
        settings: Their data folder is where a kept demo goes; without one, ./passation-demo.
        records: How many the clinic has; those of the patients where it is imported.
        keep: Whether the data folder stays.
        language: Of what is said.
        as_json: One object on stdout; the rest goes to stderr.
        from_fhir: Bundles whose patients make the clinic, instead of an invented one.
    """
    if from_fhir is not None:
        if records is not None:
            raise BadInput("demo_either")
        files.find([from_fhir])
    elif records is not None and records < FEWEST_INVENTED:
        raise BadInput("demo_records", fewest=FEWEST_INVENTED)
    began = time.monotonic()
    report = Report(Words(language), to_stderr=as_json)
    try:
        with _stoppable(), _folder(settings, keep=keep) as folder:
            own = settings.model_copy(update={"data": folder, "database": None, "temporal_address": None})
            stage = _run(own, report, records or _RECORDS, from_fhir, keep=keep)
            stage.expected.write(folder)
            findings = checks.check(folder, stage.expected)
            seconds = time.monotonic() - began
            failed = sum(not finding.ok for finding in findings)
            report.summary(stage.told, findings)
            report.verdict(failed=failed, seconds=seconds)
            report.next_steps(_next_steps(report.words, stage, folder if keep else None, from_fhir))
    except KeyboardInterrupt:
        report.interrupted()
        return _INTERRUPTED
    if as_json:
        kept = str(folder) if keep else None
        sys.stdout.write(json.dumps(_as_json(stage, findings, seconds, kept), ensure_ascii=False) + "\n")
    return 1 if failed else 0


def _run(settings: Settings, report: Report, records: int, from_fhir: Path | None, *, keep: bool) -> Stage:
    """Run server, worker and scenes; when this returns or raises, no process is left."""
    temporal = subprocess.run(
        [find_command(settings), "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    wiring.prepare_database(settings)
    stack = DevStack(settings, lambda: None, ui=True)
    where = f"{_shown(settings.data)} ({report.words('kept' if keep else 'removed')})"
    report.header(
        f"Passation {version('passation')} · {temporal.replace('temporal version', 'Temporal')}",
        where,
        stack.server.ui_url,
    )
    try:
        return asyncio.run(_play(settings, stack, report, records, from_fhir))
    finally:
        stack.stop()


async def _play(
    settings: Settings, stack: DevStack, report: Report, records: int, from_fhir: Path | None
) -> Stage:
    desk = wiring.open_desk(settings, os_uid=os.getuid())

    def begin() -> None:
        stack.start()
        stack.wait_ready()

    def invent() -> Clinic:
        if from_fhir is not None:
            return import_clinic(desk, from_fhir, FEWEST_RECORDS, report.words.language, report.stage)
        return Inventor(desk, report.advance).invent(records)

    began = time.monotonic()
    with report.working("inventing" if from_fhir is None else "importing", records):
        clinic, _ = await asyncio.gather(asyncio.to_thread(invent), asyncio.to_thread(begin))
    expected = Expected(marker=clinic.marker, before=checks.pictures(settings.data))
    report.console.print()
    report.line(
        "invented" if from_fhir is None else "imported",
        people=len(clinic.practitioners) + (clinic.leaver is not None),
        records=clinic.count,
        items=checks.count_items(settings.data),
        seconds=report.words.seconds(time.monotonic() - began),
    )
    service = wiring.open_service(settings, desk, os_uid=os.getuid())
    stage = Stage(clinic, desk, service, stack, report, expected)
    await play(stage)
    desk.database.close()
    return stage


def _next_steps(
    words: Words, stage: Stage, kept: Path | None, from_fhir: Path | None
) -> list[tuple[str, Sequence[str]]]:
    if kept is None:
        source = [] if from_fhir is None else ["--from-fhir", _shown(from_fhir)]
        larger = [] if source else [(words("next.many"), ["demo", "--records", "300"])]
        return [
            (words("next.keep"), ["demo", *source, "--keep"]),
            *larger,
            (words("next.own"), ["dev"]),
            (words("next.help"), ["--help"]),
        ]
    waiting = next(told for told in stage.told if told.state == TransferState.PENDING_ACCEPTANCE)
    asked = next(person for person in stage.clinic.practitioners if person.name == waiting.new_owner)
    first, at = stage.told[0], ["--data", _shown(kept)]
    owner = next(person for person in stage.clinic.practitioners if person.name == first.owner)
    return [
        (words("next.dev"), ["dev", *at]),
        (words("next.accept"), ["transfer", "accept", str(waiting.transfer_id), "--as", asked.email, *at]),
        (words("next.copy"), ["record", "show", first.record_number, "--as", owner.email, *at]),
        (words("next.watch"), ["transfer", "list", "--as", stage.clinic.coordinator.email, *at]),
        (words("next.log"), ["audit", "verify", *at]),
    ]


def _as_json(stage: Stage, findings: Sequence[Finding], seconds: float, kept: str | None) -> dict[str, Any]:
    return {
        "ok": all(finding.ok for finding in findings),
        "seconds": round(seconds, 2),
        "data": kept,
        "records": stage.clinic.count,
        "transfers": [_transfer(told) for told in stage.told],
        "checks": [
            {
                "id": finding.key,
                "name": stage.report.words(f"check.{finding.key}"),
                "ok": finding.ok,
                "checked": finding.counted,
                "wrong": finding.wrong,
            }
            for finding in findings
        ],
    }


def _transfer(told: Told) -> dict[str, Any]:
    return {
        "id": None if told.transfer_id is None else str(told.transfer_id),
        "scene": told.scene,
        "record_number": told.record_number,
        "owner": told.owner,
        "new_owner": told.new_owner,
        "state": told.state,
        "rule": told.rule,
        "imposed": told.imposed,
        "seconds": round(told.seconds, 3),
        **{outcome: told.counts[outcome] for outcome in OUTCOMES},
    }


@contextmanager
def _folder(settings: Settings, *, keep: bool) -> Iterator[Path]:
    """Give a new folder: a temporary one that is removed at the end, or one to keep."""
    if not keep:
        with tempfile.TemporaryDirectory(prefix=f"{_FOLDER}-") as name:
            yield Path(name)
        return
    chosen = settings.data
    if chosen == Settings.model_fields["data"].default.absolute():
        chosen = _first_free(Path(_FOLDER).absolute())
    elif chosen.exists() and any(chosen.iterdir()):
        raise BadInput("demo_folder", folder=str(chosen))
    yield chosen


def _first_free(folder: Path) -> Path:
    count, found = 1, folder
    while found.exists():
        count += 1
        found = folder.with_name(f"{folder.name}-{count}")
    return found


def _shown(folder: Path) -> str:
    """Name a folder as one would type it from here."""
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let a request to end do what Ctrl-C does: stop the processes, remove the folder, then end."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
