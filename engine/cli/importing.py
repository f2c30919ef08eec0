"""``passation import``: records of another system."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.catalogue import label
from engine.cli.context import Call
from engine.cli.options import As, command

if TYPE_CHECKING:
    from engine.cli.output import Page

app = typer.Typer()

Paths = Annotated[list[Path], typer.Argument(metavar="PATH…")]
MaybeOwner = Annotated[str | None, typer.Option("--owner", metavar="EMAIL")]
Source = Annotated[str, typer.Option("--source", metavar="NAME")]
Seed = Annotated[int | None, typer.Option("--enrich", metavar="SEED", min=0)]


@command(app, "fhir")
def fhir(
    call: Call,
    paths: Paths,
    *,
    actor: As,
    owner: MaybeOwner = None,
    source: Source = "fhir",
    seed: Seed = None,
) -> None:
    """Import FHIR R4 bundles."""
    from engine.fhir.importing import import_fhir

    actor_id = call.actor(actor)
    owner_id = None if owner is None else call.colleague(actor_id, owner)
    with _progress(call.language) as progress:
        report = import_fhir(
            call.desk, actor_id, paths, owner_id=owner_id, source=source, seed=seed, progress=progress
        )
    kinds: dict[str, dict[str, Any]] = {
        kind: {
            "read": report.read[kind],
            "became": dict(report.became.get(kind, {})),
            "skipped": dict(report.skipped.get(kind, {})),
        }
        for kind in sorted(report.read)
    }

    def show(_page: "Page") -> None:
        for kind, counts in kinds.items():
            became = ", ".join(f"{name} {count}" for name, count in counts["became"].items())
            skipped = ", ".join(
                f"{label(f'import/{name}', call.language)} {count}"
                for name, count in counts["skipped"].items()
            )
            sys.stdout.write(f"{kind}: {counts['read']} → {became or '-'} / {skipped or '-'}\n")
        done = "import/done" if report.records else "import/nothing"
        told = {"patients": len(report.records), "before": report.imported_before}
        sys.stdout.write(label(done, call.language, **told) + "\n")
        if seed is not None:
            invented = label(
                "import/invented", call.language, records=report.enriched, count=report.invented.total()
            )
            classes = ", ".join(
                f"{label(f'class/{name}', call.language)} {count}"
                for name, count in sorted(report.invented.items())
            )
            sys.stdout.write(f"{invented} {classes}".strip() + "\n")
        for name, found in (
            ("import/told_changed", report.changed),
            ("import/told_later", report.later),
            ("import/told_in_use", range(report.in_use)),
        ):
            if found:
                sys.stdout.write(label(name, call.language, count=len(found)) + "\n")

    told = {
        "files": report.files,
        "records": report.records,
        "members_added": report.members,
        "imported_before": report.imported_before,
        "changed": list(report.changed),
        "new_but_not_written": list(report.later),
        "resources": kinds,
        "enriched": report.enriched,
        "left_alone": report.in_use,
        "invented": dict(report.invented),
    }
    call.answer(told, show)


@contextmanager
def _progress(language: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on a terminal, and otherwise a plain line at the end of each pass; on stderr."""
    if not sys.stderr.isatty():

        def line(stage: str, done: int, total: int) -> None:
            if done == total:
                sys.stderr.write(f"{label(f'import/{stage}', language)} {done}/{total}\n")

        yield line
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        tasks = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(label(f"import/{stage}", language), total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield advance
