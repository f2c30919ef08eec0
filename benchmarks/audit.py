"""
Measure how long a log of many lines takes to verify, to export, and how much memory that needs.

``python -m benchmarks.audit [--events 100000] [--runs 3]``: medians of so many runs on one log.
"""

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from engine.audit import log
from engine.audit.keys import Signer
from engine.desk.desk import Desk
from engine.records.database import Database
from engine.states.choices import Purpose
from engine.states.transfer import TransferState
from tests import build

_BATCH = 2000


def main() -> None:
    """Write the log once, then read it as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(folder / "passation.db")
        database.upgrade()
        with database.write() as session:
            world = build.world(session)
        seconds = _write(database, world.organization, world.owner, given.events)
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        print(f"append: {given.events / seconds:,.0f} events/s in batches of {_BATCH}", flush=True)
        desk = Desk(database, signer=Signer(folder / "keys", may_create=True))
        _measure("verify", given.runs, lambda: _verified(desk))
        _measure(
            "export", given.runs, lambda: desk.export_log(world.administrator, folder / f"{uuid4()}", _told)
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory {peak:.0f} MiB")
        database.close()


def _measure(name: str, runs: int, run: Callable[[], int]) -> None:
    walls, processor = [], []
    events = 0
    for _ in range(runs):
        wall, spent = time.perf_counter(), time.process_time()
        events = run()
        walls.append(time.perf_counter() - wall)
        processor.append(time.process_time() - spent)
    sys.stderr.write("\r")
    median = statistics.median(walls)
    print(
        f"{name} {events:,} events: {median:.1f} s (processor {statistics.median(processor):.1f} s),"
        f" {events / median:,.0f} events/s",
        flush=True,
    )


def _verified(desk: Desk) -> int:
    (chain,) = desk.verify_log(told=_told)
    if chain.first_break is not None:
        raise SystemExit("the chain is broken")
    return chain.events


def _told(done: int, total: int) -> None:
    sys.stderr.write(f"\r{done:,} of {total:,}")
    sys.stderr.flush()


def _write(database: Database, organization: UUID, actor: UUID, events: int) -> float:
    """Append lines as long as those of a hand-over."""
    start, at = time.perf_counter(), datetime.now(UTC)
    for first in range(0, events, _BATCH):
        with database.write() as session:
            log.append(
                session,
                *(
                    log.Entry(
                        organization_id=organization,
                        at=at + timedelta(seconds=number),
                        action="transfer.accept",
                        command_id=uuid4(),
                        role="practitioner",
                        actor_id=actor,
                        record_id=uuid4(),
                        purpose=Purpose.CONTINUITY,
                        state_from=TransferState.PENDING_ACCEPTANCE,
                        state_to=TransferState.ACCEPTED,
                        counts='{"document":{"moved":8},"note":{"moved":20},"task":{"deleted":2}}',
                    )
                    for number in range(first, min(first + _BATCH, events))
                ),
            )
        _told(min(first + _BATCH, events), events)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
