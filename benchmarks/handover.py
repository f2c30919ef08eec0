"""
Measure one hand-over by the size of its record, on SQLite and on PostgreSQL.

``python -m benchmarks.handover [--items 40 400 4000] [--others 0] [--runs 3] [--database sqlite]``:
milliseconds of the step that accepts (checks, hand-over, seals, log, commit), medians of so many runs.
``--others`` is how many more records of forty items the database has. ``--plans`` names what scanned a table.
"""

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import event

from benchmarks import caseload, places
from benchmarks.caseload import Caseload
from engine import wiring
from engine.activities.steps import Steps
from engine.audit.keys import Signer
from engine.messages.transfer import Accept, StepInput, TransferRequest
from engine.records.database import Database
from engine.settings import Settings
from engine.states.choices import Purpose


def main() -> None:
    """Print one line a database and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, nargs="+", default=[40, 400, 4000])
    parser.add_argument("--others", type=int, default=0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--database", nargs="+", choices=places.DATABASES, default=list(places.DATABASES))
    parser.add_argument("--plans", action="store_true")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    for kind in given.database:
        with places.database(kind) as database, tempfile.TemporaryDirectory() as keys:
            signer = wiring.open_signer(Settings(data=Path(keys)), may_create=True)
            if given.others:
                caseload.make(database, given.others)
            for items in given.items:
                made = caseload.make(database, given.runs, notes=items - caseload.ITEMS + caseload.NOTES)
                times = [_accept(database, signer, made, record) for record in made.records]
                print(
                    f"{kind}, {items} items, {given.others} other records: "
                    f"{statistics.median(times):.1f} ms ({', '.join(f'{found:.1f}' for found in times)})",
                    flush=True,
                )
            if given.plans:
                made = caseload.make(database, 1)
                _explain(database, partial(_accept, database, signer, made, made.records[0]))


def _accept(database: Database, signer: Signer, made: Caseload, record: UUID) -> float:
    """Ask and accept; give the milliseconds of the acceptance."""
    steps, now = Steps(database, signer), datetime.now(UTC)
    # The first receipt makes its organization's key.
    signer.provide(database, made.organization)
    request = TransferRequest(
        transfer_id=uuid4(),
        organization_id=made.organization,
        record_id=record,
        actor_id=made.owner,
        to_id=made.new_owner,
        purpose=Purpose.CONTINUITY,
    )
    asked = steps.open(StepInput[TransferRequest](what=request, at=now))
    command = Accept(transfer_id=request.transfer_id, command_id=uuid4(), actor_id=made.new_owner)
    started = time.perf_counter()
    accepted = steps.accept(StepInput[Accept](what=command, at=now))
    spent = 1000 * (time.perf_counter() - started)
    if asked.denied or accepted.denied:
        raise SystemExit(f"denied: {asked.denied or accepted.denied}")
    return spent


def _explain(database: Database, run: Callable[[], object]) -> None:
    """Ask the database how it runs each statement, and print the plans that read a whole table."""
    explain = "EXPLAIN QUERY PLAN " if database.engine.dialect.name == "sqlite" else "EXPLAIN "
    asked: set[str] = set()

    def before(
        _connection: Any,  # noqa: ANN401
        cursor: Any,  # noqa: ANN401
        statement: str,
        parameters: Any,  # noqa: ANN401
        _context: Any,  # noqa: ANN401
        many: bool,  # noqa: FBT001
    ) -> None:
        if statement in asked or not statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            return
        asked.add(statement)
        cursor.execute(explain + statement, parameters[0] if many else parameters)
        plan = [" ".join(str(value) for value in row) for row in cursor.fetchall()]
        scans = [line for line in plan if "SCAN " in line or "Seq Scan" in line]
        if scans:
            print(statement[:200].replace("\n", " "), *scans, sep="\n    ", flush=True)

    event.listen(database.engine, "before_cursor_execute", before)
    run()
    event.remove(database.engine, "before_cursor_execute", before)


if __name__ == "__main__":
    main()
