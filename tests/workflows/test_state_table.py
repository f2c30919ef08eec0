"""Every edge of the state table, by a real command through service, server, worker and database (ST-T)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy import select

from engine.errors import Denied
from engine.records.tables.proof import Event
from engine.states.transfer import TABLE, Edge, TransferState, TransferTrigger
from tests import build
from tests.workflows.clinic import Clinic, eventually
from tests.workflows.histories import secret

S, T = TransferState, TransferTrigger


async def opened(clinic: Clinic) -> UUID:
    return (await clinic.request()).id


async def rejected(clinic: Clinic) -> UUID:
    clinic.restrict(clinic.members.new_owner)
    request = clinic.draft()
    with pytest.raises(Denied):
        await clinic.start(request)
    return request.transfer_id


def requested(clinic: Clinic) -> UUID:
    """Leave a row in ``requested``, in which no command leaves one."""
    with clinic.database.write() as session:
        return build.transfer(session, clinic.record, clinic.members.new_owner, state=S.REQUESTED)


async def overridden_before_anybody_was_asked(clinic: Clinic) -> UUID:
    transfer = requested(clinic)
    await clinic.service.cancel(clinic.members.coordinator, transfer, reason=secret("reason"))
    # Nobody was asked, nobody but the asker is told (ST-1).
    assert clinic.notices(transfer) == [("cancelled", clinic.members.owner)]
    return transfer


async def cancelled_before_anybody_was_asked(clinic: Clinic) -> UUID:
    transfer = requested(clinic)
    await clinic.service.cancel(clinic.members.owner, transfer)
    assert clinic.notices(transfer) == []
    return transfer


async def overridden(clinic: Clinic) -> UUID:
    asked = await clinic.request()
    await clinic.service.impose(clinic.members.coordinator, asked.id, reason=secret("reason"))
    return asked.id


async def escalated(clinic: Clinic) -> UUID:
    asked = await clinic.request(by=clinic.members.coordinator)
    await clinic.service.refuse(clinic.members.new_owner, asked.id, reason=secret("reason"))
    return asked.id


async def accepted(clinic: Clinic) -> UUID:
    asked = await clinic.request()
    await clinic.service.accept(clinic.members.new_owner, asked.id)
    return asked.id


async def refused(clinic: Clinic) -> UUID:
    asked = await clinic.request()
    await clinic.service.refuse(clinic.members.new_owner, asked.id, reason=secret("reason"))
    return asked.id


async def cancelled(clinic: Clinic) -> UUID:
    asked = await clinic.request()
    await clinic.service.cancel(clinic.members.owner, asked.id)
    return asked.id


async def expired(clinic: Clinic) -> UUID:
    clinic.set_policy(answer_within=timedelta(days=1))
    asked = await clinic.request()
    await clinic.fast_forward(asked.id, timedelta(days=3))
    await eventually(lambda: clinic.state(asked.id) is S.EXPIRED)
    return asked.id


async def reassigned(clinic: Clinic) -> UUID:
    who, transfer = clinic.members, await escalated(clinic)
    view = await clinic.service.reassign(who.coordinator, transfer, who.colleague, reason=secret("reason"))
    assert view.state is S.PENDING_ACCEPTANCE
    await clinic.service.accept(who.colleague, transfer)
    assert clinic.owners() == [who.owner, who.colleague]
    return transfer


async def imposed(clinic: Clinic) -> UUID:
    who, transfer = clinic.members, await escalated(clinic)
    view = await clinic.service.impose(who.coordinator, transfer, who.colleague, reason=secret("reason"))
    assert view.imposed_by is not None
    assert clinic.owners() == [who.owner, who.colleague]
    return transfer


async def cancelled_by_a_coordinator(clinic: Clinic) -> UUID:
    transfer = await escalated(clinic)
    await clinic.service.cancel(clinic.members.coordinator, transfer, reason=secret("reason"))
    assert clinic.owners() == [clinic.members.owner]
    return transfer


SCENARIOS: Final[Mapping[tuple[TransferState, TransferTrigger], Callable[[Clinic], Awaitable[UUID]]]] = {
    (S.REQUESTED, T.OPEN): opened,
    (S.REQUESTED, T.REJECT): rejected,
    (S.REQUESTED, T.OVERRIDE): overridden_before_anybody_was_asked,
    (S.REQUESTED, T.CANCEL): cancelled_before_anybody_was_asked,
    (S.PENDING_ACCEPTANCE, T.OVERRIDE): overridden,
    (S.PENDING_ACCEPTANCE, T.ESCALATE): escalated,
    (S.PENDING_ACCEPTANCE, T.ACCEPT): accepted,
    (S.PENDING_ACCEPTANCE, T.REFUSE): refused,
    (S.PENDING_ACCEPTANCE, T.CANCEL): cancelled,
    (S.PENDING_ACCEPTANCE, T.EXPIRE): expired,
    (S.COORDINATOR_OVERRIDE, T.REASSIGN): reassigned,
    (S.COORDINATOR_OVERRIDE, T.IMPOSE): imposed,
    (S.COORDINATOR_OVERRIDE, T.CANCEL): cancelled_by_a_coordinator,
}
#: What the log calls a trigger that is not a command of its own.
_CALLED: Final = {T.REJECT: "transfer.open"}


@pytest.mark.parametrize("edge", TABLE, ids=lambda edge: f"{edge.source}-{edge.trigger}")
async def test_every_edge_is_taken_by_a_command(clinic: Clinic, edge: Edge) -> None:
    """ST-T: the log tells that it was; an edge without a scenario fails here."""
    transfer = await SCENARIOS[edge.source, edge.trigger](clinic)

    with clinic.database.read() as session:
        taken = session.execute(
            select(Event.action, Event.state_from, Event.state_to).where(Event.transfer_id == transfer)
        ).all()
    action = _CALLED.get(edge.trigger, f"transfer.{edge.trigger}")
    assert (action, edge.source, edge.target) in [tuple(line) for line in taken]


def test_no_scenario_is_about_an_edge_that_is_gone() -> None:
    assert SCENARIOS.keys() == {(edge.source, edge.trigger) for edge in TABLE}
