"""
Record one history for each way through a transfer: ``python -m tests.histories.record``.

Recorded histories are never changed: a release adds a folder of its own, and every release replays them all.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from engine.errors import Denied
from engine.messages.transfer import Accept, Impose
from engine.records.database import Database
from tests.workflows import histories
from tests.workflows.clinic import CAUTIOUS, EVERYTHING, Clinic, eventually, found_clinic
from tests.workflows.histories import secret
from tests.workflows.server import time_skipping_server

FOLDER: Final = Path(__file__).parent / "record_transfer"
RELEASE: Final = "0.1"


async def accepted(clinic: Clinic) -> UUID:
    """Asked and accepted."""
    asked = await clinic.request()
    await clinic.service.accept(clinic.members.new_owner, asked.id)
    return asked.id


async def refused(clinic: Clinic) -> UUID:
    """Asked and refused."""
    asked = await clinic.request()
    await clinic.service.refuse(clinic.members.new_owner, asked.id, reason=secret("reason"))
    return asked.id


async def cancelled(clinic: Clinic) -> UUID:
    """Asked, and taken back."""
    asked = await clinic.request()
    await clinic.service.cancel(clinic.members.owner, asked.id, reason=secret("reason"))
    return asked.id


async def expired(clinic: Clinic) -> UUID:
    """Asked, reminded of twice, and never answered."""
    asked = await clinic.request()
    await clinic.fast_forward(asked.id, timedelta(days=16))
    return asked.id


async def narrowed(clinic: Clinic) -> UUID:
    """Asked with everything, narrowed, answered too early and then accepted."""
    asked = await clinic.request(options=EVERYTHING)
    await clinic.service.narrow(clinic.members.owner, asked.id, CAUTIOUS)
    stale = Accept(
        transfer_id=asked.id,
        command_id=uuid4(),
        actor_id=clinic.members.new_owner,
        seen_version=asked.version,
    )
    try:
        await clinic.send("accept", stale)
    except WorkflowUpdateFailedError:
        await clinic.service.accept(clinic.members.new_owner, asked.id)
    return asked.id


async def coordinator_override(clinic: Clinic) -> UUID:
    """Asked by a coordinator, refused, and taken back by the owner."""
    asked = await clinic.request(by=clinic.members.coordinator)
    await clinic.service.refuse(clinic.members.new_owner, asked.id, reason=secret("reason"))
    await clinic.service.cancel(clinic.members.owner, asked.id)
    return asked.id


async def denied(clinic: Clinic) -> UUID:
    """Asked for somebody on the restriction list."""
    clinic.restrict(clinic.members.new_owner)
    request = clinic.draft()
    try:
        await clinic.start(request)
    except Denied:
        return request.transfer_id
    raise AssertionError


async def delayed(clinic: Clinic) -> UUID:
    """Accepted while the database did not answer."""
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=clinic.members.new_owner)
    with clinic.locked():
        accept = asyncio.create_task(clinic.send("accept", command))
        await clinic.retried(asked.id, "transfer.accept")
    await accept
    return asked.id


async def undone(clinic: Clinic) -> UUID:
    """Accepted while bytes were missing, tried twice, and undone by a cancel."""
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=clinic.members.new_owner)
    with clinic.without_bytes():
        accept = asyncio.create_task(clinic.send("accept", command))
        await eventually(lambda: clinic.stuck_on(asked.id, "transfer.accept"))
        await clinic.fast_forward(asked.id, timedelta(seconds=15))
        await clinic.service.cancel(clinic.members.owner, asked.id)
    await asyncio.gather(accept, return_exceptions=True)
    return asked.id


async def reassigned(clinic: Clinic) -> UUID:
    """Refused, waited for a coordinator, asked of a colleague who was given more time, and accepted."""
    who = clinic.members
    asked = await clinic.request(by=who.coordinator)
    await clinic.service.refuse(who.new_owner, asked.id, reason=secret("reason"))
    await clinic.fast_forward(asked.id, timedelta(days=4))
    await clinic.service.reassign(who.coordinator, asked.id, who.colleague, reason=secret("reason"))
    until = (clinic.row(asked.id).respond_by + timedelta(days=10)).date()
    await clinic.service.extend(who.coordinator, asked.id, until)
    await clinic.service.accept(who.colleague, asked.id)
    return asked.id


async def imposed(clinic: Clinic) -> UUID:
    """Asked, and imposed by a coordinator while it was pending."""
    asked = await clinic.request()
    await clinic.service.impose(clinic.members.coordinator, asked.id, reason=secret("reason"))
    return asked.id


async def overridden(clinic: Clinic) -> UUID:
    """Asked, and cancelled by a coordinator while it was pending."""
    asked = await clinic.request()
    await clinic.service.cancel(clinic.members.coordinator, asked.id, reason=secret("reason"))
    return asked.id


async def redirected(clinic: Clinic) -> UUID:
    """Imposed while bytes were missing, and undone by a reassignment, which was refused."""
    who = clinic.members
    asked = await clinic.request()
    command = Impose(
        transfer_id=asked.id,
        command_id=uuid4(),
        actor_id=who.coordinator,
        reason_id=clinic.text(who.coordinator),
    )
    with clinic.without_bytes():
        impose = asyncio.create_task(clinic.send("impose", command))
        await eventually(lambda: clinic.stuck_on(asked.id, "transfer.impose"))
        await clinic.service.reassign(who.coordinator, asked.id, who.colleague, reason=secret("reason"))
    await asyncio.gather(impose, return_exceptions=True)
    await clinic.service.refuse(who.colleague, asked.id, reason=secret("reason"))
    return asked.id


SCENARIOS: Final[Mapping[str, Callable[[Clinic], Awaitable[UUID]]]] = {
    scenario.__name__: scenario
    for scenario in (
        accepted,
        refused,
        cancelled,
        expired,
        narrowed,
        coordinator_override,
        denied,
        delayed,
        undone,
        reassigned,
        imposed,
        overridden,
        redirected,
    )
}


async def record(folder: Path) -> None:
    """Play every scenario that has no history yet in a clinic of its own, and write it."""
    folder.mkdir(parents=True, exist_ok=True)
    # Not the name of this machine.
    async with await time_skipping_server(identity="recorder") as environment:
        with environment.with_time_skipping_disabled():
            for name, scenario in SCENARIOS.items():
                if (folder / f"{name}.json").exists():
                    continue
                text = await _played(environment, scenario)
                assert histories.leaks(text) == []
                (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


async def _played(environment: WorkflowEnvironment, scenario: Callable[[Clinic], Awaitable[UUID]]) -> str:
    with tempfile.TemporaryDirectory() as place:
        database = Database(Path(place) / "passation.sqlite3", busy_seconds=0.2)
        database.upgrade()
        clinic = found_clinic(environment, database)
        async with clinic.worker():
            transfer = await scenario(clinic)
            await clinic.handle(transfer).result()
        history = await clinic.handle(transfer).fetch_history()
        database.close()
    return history.to_json()


if __name__ == "__main__":
    asyncio.run(record(FOLDER / RELEASE))
