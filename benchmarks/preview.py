"""
Measure a caseload's preview (BULK-2): seconds and statements, of caseloads of several sizes.

``python -m benchmarks.preview [--records 10000] [--items 10] [--recipients 8] [--runs 3]``
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import event, insert
from sqlalchemy.orm import Session

from engine.desk.desk import Desk
from engine.records.database import Database
from engine.records.tables.base import AppointmentState, NoteState
from engine.records.tables.items import Appointment, Note, Task
from engine.states.choices import Options
from tests import build


@dataclass(frozen=True, slots=True)
class Found:
    """What one preview took."""

    seconds: float
    statements: int


def main() -> None:
    """Print a line for a small caseload and one for the large one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=10)
    parser.add_argument("--recipients", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    for records in (10, given.records):
        found = measure(records, given.items, given.recipients, given.runs)
        seconds = statistics.median(one.seconds for one in found)
        print(
            f"preview of {records} records of {given.items} items for {given.recipients} recipients:"
            f" {seconds:.2f} s, {found[-1].statements} statements",
            flush=True,
        )


def measure(records: int, items: int, recipients: int, runs: int) -> Sequence[Found]:
    """Make a caseload in a database of its own, and preview its even split."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "passation.db")
        database.upgrade()
        with database.write() as session:
            world, to = _make(session, records, items, recipients)
        found = [_once(database, world, to) for _ in range(runs)]
        database.close()
    return found


def _once(database: Database, world: build.World, to: Sequence[UUID]) -> Found:
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    event.listen(database.engine, "before_cursor_execute", count)
    started = time.perf_counter()
    Desk(database).bulk_preview(world.coordinator, world.owner, to, options=Options(keep_copy=False))
    seconds = time.perf_counter() - started
    event.remove(database.engine, "before_cursor_execute", count)
    return Found(seconds, statements)


def _make(session: Session, records: int, items: int, recipients: int) -> tuple[build.World, Sequence[UUID]]:
    world = build.world(session)
    to = [build.member(session, world.organization) for _ in range(recipients)]
    now = datetime.now(UTC)
    sha256 = build.content(session, world.organization, b"a word")
    notes, tasks, appointments = [], [], []
    for number in range(records - 1):
        client = build.client(session, world.organization)
        record_id, holding = build.record(session, world.owner, [client], confidential=number % 20 == 0)
        same = {
            "organization_id": world.organization,
            "holding_id": holding,
            "created_at": now - timedelta(days=9),
        }
        written = {"author_id": world.owner, "sha256": sha256}
        signed = {"state": NoteState.SIGNED, "author_only": False, "signed_at": now}
        notes += [
            same | written | signed | {"item_id": uuid4(), "confidential": index % 9 == 0}
            for index in range(items - 2)
        ]
        tasks.append(same | written | {"item_id": uuid4()})
        appointments.append(
            same
            | {
                "item_id": uuid4(),
                "record_id": record_id,
                "practitioner_id": world.owner,
                "starts_at": now + timedelta(days=3),
                "ends_at": now + timedelta(days=3, hours=1),
                "state": AppointmentState.BOOKED,
                "sequence": 0,
            }
        )
        if number % 50 == 0:
            build.restriction(session, client, world.administrator, member_id=to[number % recipients])
    for model, rows in ((Note, notes), (Task, tasks), (Appointment, appointments)):
        session.execute(insert(model), rows)
    return world, to


if __name__ == "__main__":
    main()
