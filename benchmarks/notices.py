"""
Measure mail: messages a second to a mail server on loopback, and how long from an event to that server.

``python -m benchmarks.notices [--messages 500] [--events 60] [--runs 3] [--database sqlite]``: medians of so
many runs. An event is a request that is committed; its message arrives when the server has read it whole.
"""

import argparse
import asyncio
import logging
import statistics
import time
from datetime import UTC, datetime
from email import message_from_bytes
from uuid import UUID, uuid4

from aiosmtpd.smtp import Envelope

from benchmarks import caseload, places
from benchmarks.caseload import Caseload
from benchmarks.single import percentile
from engine.activities.notices import Mailing, Sending
from engine.activities.steps import Steps
from engine.mailserver import MailServer
from engine.messages.transfer import StepInput, TransferRequest
from engine.notices.post import ServerPost
from engine.records.database import Database
from engine.states.choices import Purpose
from tests.integration.notices.server import MailServerOfTests

#: So that events meet the sender at any moment of its look at the outbox.
_BETWEEN = 0.137


def main() -> None:
    """Print one line a run, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--events", type=int, default=60)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--database", choices=places.DATABASES, default="sqlite")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    runs = []
    for number in range(given.runs):
        with places.database(given.database) as database, MailServerOfTests() as server:
            runs.append(_measured(database, server, given.messages, given.events))
        print(f"run {number + 1}: " + _line(runs[-1]), flush=True)
    print("median: " + _line({name: statistics.median(run[name] for run in runs) for name in runs[0]}))


def _line(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items())


def _measured(database: Database, server: MailServerOfTests, messages: int, events: int) -> dict[str, float]:
    made = caseload.make(database, messages + events)
    for record in made.records[:messages]:
        _ask(database, made, record)
    sending = Sending(
        database,
        Mailing(
            post=ServerPost(MailServer.of_url(server.url)),
            sender="passation@clinique.example",
            rate=None,
            address="https://passation.example",
        ),
    )
    started = time.perf_counter()
    done = asyncio.run(sending.turn(0))
    spent = time.perf_counter() - started
    if done.sent < messages or len(server.by_id) != done.sent:
        raise SystemExit(f"sent {done.sent} of {messages}")
    waits = asyncio.run(_latencies(database, server, sending, made, made.records[messages:]))
    return {
        "messages a second": done.sent / spent,
        "event to server p50 (s)": percentile(waits, 50),
        "p95": percentile(waits, 95),
    }


async def _latencies(
    database: Database, server: MailServerOfTests, sending: Sending, made: Caseload, records: list[UUID]
) -> list[float]:
    """Let the sender run, ask one by one, and give the seconds that each message took."""
    arrived: dict[str, float] = {}

    def take(envelope: Envelope) -> str:
        parts = message_from_bytes(envelope.original_content or b"").walk()
        text = b"".join(part.get_payload(decode=True) or b"" for part in parts).decode()  # type: ignore[misc]
        for _, word in list(asked.values()):
            if word in text:
                arrived.setdefault(word, time.perf_counter())
        return "250 taken"

    asked: dict[UUID, tuple[float, str]] = {}
    server.answer = take
    turning = asyncio.create_task(sending.turn(3600))
    await asyncio.sleep(1)
    for record in records:
        transfer_id = uuid4()
        await asyncio.to_thread(_ask, database, made, record, transfer_id)
        asked[record] = (time.perf_counter(), str(transfer_id))
        await asyncio.sleep(_BETWEEN)
    async with asyncio.timeout(60):
        while len(arrived) < len(records):  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.05)
    turning.cancel()
    await asyncio.gather(turning, return_exceptions=True)
    return [arrived[word] - at for at, word in asked.values()]


def _ask(database: Database, made: Caseload, record: UUID, transfer_id: UUID | None = None) -> None:
    request = TransferRequest(
        transfer_id=transfer_id or uuid4(),
        organization_id=made.organization,
        record_id=record,
        actor_id=made.owner,
        to_id=made.new_owner,
        purpose=Purpose.CONTINUITY,
    )
    result = Steps(database).open(StepInput[TransferRequest](what=request, at=datetime.now(UTC)))
    if result.denied:
        raise SystemExit(f"denied: {result.denied}")


if __name__ == "__main__":
    main()
