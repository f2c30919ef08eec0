"""
Measure the interface over HTTP: requests a second and their 95th percentile, with many clients at once.

``python -m benchmarks.http [--transfers 10000] [--clients 50] [--seconds 10]``: a real `passation dev`.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

import httpx2

from engine import wiring
from engine.cli.dev import DevStack
from engine.identity.local import Keys, access_token, issuer_at
from engine.records.database import Database
from engine.settings import Settings
from engine.states.choices import Role
from engine.states.transfer import TransferState
from tests import build

Request = Callable[[httpx2.AsyncClient, int], Awaitable[httpx2.Response]]


@dataclass(frozen=True, slots=True)
class Made:
    """Who asks, and what of."""

    practitioners: list[UUID]
    coordinator: UUID
    transfers: list[UUID]
    records: list[UUID]


def main() -> None:
    """Print a line an endpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    # The limit of rate is what this is not about.
    os.environ["PASSATION_WEB_RATE"] = "1000000"
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder) / "data")
        wiring.prepare_database(settings)
        made = make(settings, given.transfers, given.clients)
        with DevStack(settings, lambda: wiring.prepare_database(settings), web=True) as stack:
            asyncio.run(measure(stack, made, given.clients, given.seconds))


def make(settings: Settings, transfers: int, clients: int) -> Made:
    """Write a clinic with that many transfers, most of them over."""
    database = Database(settings.database_file)
    with database.write() as session:
        world = build.world(session)
        people = [build.member(session, world.organization) for _ in range(clients)]
        coordinator = build.member(session, world.organization, Role.COORDINATOR)
    found, records = [], []
    for first in range(0, transfers, 500):
        with database.write() as session:
            for place in range(first, min(first + 500, transfers)):
                owner = people[place % clients]
                client = build.client(session, world.organization)
                record = build.record(session, owner, [client]).record_id
                state = TransferState.PENDING_ACCEPTANCE if place % 20 == 0 else TransferState.CANCELLED
                asked_at = build.NOW + timedelta(seconds=place)
                found.append(
                    build.transfer(
                        session, record, people[(place + 1) % clients], state=state, asked_at=asked_at
                    )
                )
    with database.write() as session:
        for owner in people:
            client = build.client(session, world.organization)
            records.append(build.record(session, owner, [client]).record_id)
    database.close()
    return Made(people, coordinator, found, records)


async def measure(stack: DevStack, made: Made, clients: int, seconds: float) -> None:
    """Measure one endpoint after the other."""
    keys, issuer = Keys(stack.settings.issuer_key), issuer_at(str(stack.web_url))
    tokens = [access_token(keys, issuer, member) for member in made.practitioners]
    chief = access_token(keys, issuer, made.coordinator)
    serial = count()

    def signed(token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    async def mine(http: httpx2.AsyncClient, who: int) -> httpx2.Response:
        return await http.get("/v1/transfers", headers=signed(tokens[who]))

    async def every(http: httpx2.AsyncClient, who: int) -> httpx2.Response:
        del who
        return await http.get("/v1/transfers", headers=signed(chief))

    async def one(http: httpx2.AsyncClient, who: int) -> httpx2.Response:
        place = who + len(tokens) * (next(serial) % (len(made.transfers) // len(tokens)))
        return await http.get(f"/v1/transfers/{made.transfers[place]}", headers=signed(tokens[who]))

    async def command(http: httpx2.AsyncClient, who: int) -> httpx2.Response:
        said = {"accepts": True}
        keyed = signed(tokens[who]) | {"Idempotency-Key": uuid4().hex}
        return await http.post("/v1/me/accepts", headers=keyed, json=said)

    asked: dict[int, str] = {}

    async def ask_and_cancel(http: httpx2.AsyncClient, who: int) -> httpx2.Response:
        keyed = signed(tokens[who]) | {"Idempotency-Key": uuid4().hex}
        pending = asked.pop(who, None)
        if pending is not None:
            return await http.post(f"/v1/transfers/{pending}/cancel", headers=keyed)
        to = str(made.practitioners[(who + 1) % len(tokens)])
        said = {"record": str(made.records[who]), "to": to, "purpose": "continuity", "insist": True}
        answer = await http.post("/v1/transfers", headers=keyed, json=said)
        if answer.is_success:
            asked[who] = answer.json()["id"]
        return answer

    for name, request in {
        "GET  /v1/transfers, one's own, 50 a page": mine,
        "GET  /v1/transfers, a coordinator's, 50 a page": every,
        "GET  /v1/transfers/{id}": one,
        "POST /v1/me/accepts (the database alone)": command,
        "POST /v1/transfers, then …/cancel (Temporal)": ask_and_cancel,
    }.items():
        await one_endpoint(str(stack.web_url), name, request, clients, seconds)


async def one_endpoint(address: str, name: str, request: Request, clients: int, seconds: float) -> None:
    """Let every client send one request after the other."""
    took: list[float] = []
    wrong: list[int] = []
    until = time.perf_counter() + seconds

    async def client(who: int) -> None:
        async with httpx2.AsyncClient(base_url=address, timeout=120) as http:
            while time.perf_counter() < until:
                begun = time.perf_counter()
                answer = await request(http, who)
                took.append(time.perf_counter() - begun)
                if not answer.is_success:
                    wrong.append(answer.status_code)

    begun = time.perf_counter()
    await asyncio.gather(*(client(who) for who in range(clients)))
    elapsed = time.perf_counter() - begun
    p95 = statistics.quantiles(took, n=20)[-1] if len(took) > 1 else 0.0
    failed = f", {len(wrong)} failed: {sorted(set(wrong))}" if wrong else ""
    print(
        f"{name:50} {len(took) / elapsed:7.0f}/s  p50 {statistics.median(took) * 1000:6.0f} ms"
        f"  p95 {p95 * 1000:6.0f} ms  ({clients} clients{failed})",
        flush=True,
    )


if __name__ == "__main__":
    main()
