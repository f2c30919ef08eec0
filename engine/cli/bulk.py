"""``passation bulk``: all records of one practitioner, at once."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.context import Call, write
from engine.cli.options import As, IncludeConfidential, Insist, NoCopy, RawData, command, options
from engine.errors import BadInput

app = typer.Typer()

From = Annotated[str, typer.Argument(metavar="FROM")]
Recipients = Annotated[list[str] | None, typer.Option("--to", metavar="EMAIL")]
SplitBy = Annotated[str | None, typer.Option("--split", metavar="even|FILE")]
Only = Annotated[Path | None, typer.Option("--only", metavar="FILE")]
Confidential = Annotated[bool, typer.Option("--include-confidential-records")]
Reassign = Annotated[bool, typer.Option("--reassign-open")]
Imposes = Annotated[bool, typer.Option("--impose")]
AsCsv = Annotated[bool, typer.Option("--csv")]
_EVENLY = "even"


@command(app, "preview")
def preview(
    call: Call,
    source: From,
    *,
    actor: As,
    to: Recipients = None,
    split: SplitBy = None,
    only: Only = None,
    include_confidential_records: Confidential = False,
    reassign_open: Reassign = False,
    insist: Insist = False,
    impose: Imposes = False,
    include_confidential: IncludeConfidential = None,
    raw_data: RawData = None,
    no_copy: NoCopy = None,
    as_csv: AsCsv = False,
) -> None:
    """Show what a transfer of a caseload would do; nothing is asked."""
    from engine.cli import bulk_page

    actor_id = call.actor(actor)
    from_id, to_ids = call.colleague(actor_id, source), [call.colleague(actor_id, one) for one in to or ()]
    with call.progress("caseload/reading"):
        shown = call.desk.bulk_preview(
            actor_id,
            from_id,
            to_ids,
            **files(only, split),
            include_confidential_records=include_confidential_records,
            reassign_open=reassign_open,
            insist=insist,
            impose=impose,
            options=options(include_confidential, raw_data, no_copy),
        )
    if as_csv and not call.as_json:
        write(bulk_page.as_csv(shown).rstrip("\n"))
        return
    call.answer(shown, lambda page: bulk_page.show(page, shown))


def files(only: Path | None, split: str | None) -> dict[str, bytes | None]:
    """Read the files that say what goes, and to whom. Raises ``BadInput``."""
    by_file = None if split in {None, _EVENLY} else Path(split or "")
    return {"only_file": read_file(only), "split_file": read_file(by_file)}


def read_file(file: Path | None) -> bytes | None:
    """Read a file that was named. Raises ``BadInput``."""
    try:
        return None if file is None else file.read_bytes()
    except OSError:
        raise BadInput("file") from None
