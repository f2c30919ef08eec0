"""What operators find: search attributes and current details; where everything stands, and nobody's name."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio.api.sdk.v1 import WorkflowMetadata

from engine.messages.search_attributes import (
    ALL,
    BULK_ID,
    FROM_PRACTITIONER_ID,
    ORGANIZATION_ID,
    RECORD_ID,
    RESPOND_BY,
    TO_PRACTITIONER_ID,
    TRANSFER_STATE,
)
from engine.rules.bulk import BulkChoice
from engine.states.bulk import Answer
from engine.states.choices import Purpose
from engine.states.transfer import TransferState
from tests.workflows.clinic import Clinic, eventually
from tests.workflows.histories import SECRET, secret


async def attributes(clinic: Clinic, transfer: UUID) -> dict[str, Any]:
    described = await clinic.handle(transfer).describe()
    return {key.name: described.typed_search_attributes.get(key) for key in ALL}


async def metadata_of(clinic: Clinic, workflow: str) -> WorkflowMetadata:
    found: WorkflowMetadata = await clinic.client.get_workflow_handle(workflow).query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    return found


async def test_a_transfer_is_found_by_ids_state_and_date(clinic: Clinic) -> None:
    who = clinic.members
    choice = BulkChoice(from_id=who.owner, to_ids=(who.new_owner,))
    bulk = (await clinic.service.bulks.start(who.coordinator, choice, purpose=Purpose.DEPARTURE)).id
    await eventually(lambda: clinic.desk.transfers(who.coordinator).transfers)
    (asked,) = clinic.desk.transfers(who.coordinator).transfers

    async def described() -> bool:
        return (await attributes(clinic, asked.id))[TRANSFER_STATE.name] is not None

    await eventually(described)
    due = clinic.row(asked.id).respond_by
    pending = await attributes(clinic, asked.id)
    await clinic.service.accept(who.new_owner, asked.id)
    await clinic.handle(asked.id).result()
    accepted = await attributes(clinic, asked.id)

    ids = {
        ORGANIZATION_ID.name: str(who.organization),
        RECORD_ID.name: str(clinic.record),
        FROM_PRACTITIONER_ID.name: str(who.owner),
        TO_PRACTITIONER_ID.name: str(who.new_owner),
        BULK_ID.name: str(bulk),
    }
    assert pending == ids | {TRANSFER_STATE.name: "pending_acceptance", RESPOND_BY.name: due}
    assert accepted == ids | {TRANSFER_STATE.name: "accepted", RESPOND_BY.name: due}


async def test_transfers_are_counted_by_state_and_record(clinic: Clinic) -> None:
    who = clinic.members
    others = [clinic.add_record() for _ in range(2)]
    accepted = await clinic.request()
    await clinic.service.accept(who.new_owner, accepted.id)
    for record in others:
        asked = await clinic.request(record=record)
        await clinic.service.refuse(who.new_owner, asked.id, reason=secret("reason"))
        await clinic.request(record=record, to=who.colleague)

    async def count(query: str) -> int:
        here = f'{ORGANIZATION_ID.name} = "{who.organization}"'
        return (await clinic.client.count_workflows(f"{here} AND {query}")).count

    # Visibility is eventually consistent.
    async def settled() -> bool:
        return [
            await count(f'{TRANSFER_STATE.name} = "{state}"')
            for state in (
                TransferState.ACCEPTED,
                TransferState.REFUSED,
                TransferState.PENDING_ACCEPTANCE,
                TransferState.EXPIRED,
            )
        ] == [1, 2, 2, 0]

    await eventually(settled)
    assert await count(f'{RECORD_ID.name} = "{others[0]}"') == 2
    assert await count(f'{RECORD_ID.name} = "{clinic.record}"') == 1
    assert await count(f'{TO_PRACTITIONER_ID.name} = "{who.colleague}" AND ExecutionStatus = "Running"') == 2


async def test_details_say_whose_move_it_is_and_when(clinic: Clinic) -> None:
    asked = await clinic.request()
    row = clinic.row(asked.id)
    pending = await clinic.details(asked.id)
    reminder = row.asked_at + timedelta(days=3)

    assert pending.split("\n\n") == [
        "**pending_acceptance** · waits for: new_owner",
        f"answer due: {row.respond_by.isoformat()}",
        f"next reminder: {reminder.isoformat()}",
    ]
    await clinic.service.cancel(clinic.members.owner, asked.id, reason=secret("reason"))
    assert await clinic.details(asked.id) == "**cancelled** · waits for: nobody"


async def test_everything_of_a_bulk_is_found_by_its_id(clinic: Clinic) -> None:
    """BULK-4: the bulk, its transfers, what it reassigned, what recipients answered; with counts."""
    who = clinic.members
    clinic.add_record()
    open_one = await clinic.request()
    choice = BulkChoice(from_id=who.owner, to_ids=(who.colleague,), reassign_open=True)
    started = await clinic.service.bulks.start(
        who.coordinator, choice, purpose=Purpose.DEPARTURE, reason=secret("reason")
    )
    bulk = clinic.client.get_workflow_handle(f"bulk/{started.id}")

    async def counted() -> bool:
        return "- pending_acceptance: 2" in (await metadata_of(clinic, bulk.id)).current_details

    await eventually(counted)
    lines = (await metadata_of(clinic, bulk.id)).current_details.split("\n\n")
    assert lines == [f"**running** · 2 records · led by `{who.coordinator}`", "- pending_acceptance: 2"]
    given = await clinic.service.bulks.answer(who.colleague, started.id, Answer.ACCEPT)

    async def found() -> bool:
        query = f'{BULK_ID.name} = "{started.id}"'
        ids = {run.id async for run in clinic.client.list_workflows(query)}
        expected = {bulk.id, f"bulk-answer/{given.id}", f"transfer/{open_one.id}"}
        return expected <= ids and len(ids) == 4

    await eventually(found)


async def test_pause_and_resume_are_updates_that_say_what_they_take(clinic: Clinic) -> None:
    """An operator sends them from the Web UI, in the name of a coordinator."""
    who = clinic.members
    clinic.add_record()
    choice = BulkChoice(from_id=who.owner, to_ids=(who.new_owner,))
    started = await clinic.service.bulks.start(who.coordinator, choice, purpose=Purpose.DEPARTURE)
    bulk = clinic.client.get_workflow_handle(f"bulk/{started.id}")
    described = {
        update.name: update.description
        for update in (await metadata_of(clinic, bulk.id)).definition.update_definitions
    }
    for name in ("pause", "resume", "stop", "retry"):
        assert all(field in described[name] for field in ("bulk_id", "command_id", "actor_id"))
    for name, state in (("pause", "paused"), ("resume", "running")):
        fields = {"bulk_id": started.id, "command_id": uuid4(), "actor_id": who.coordinator}
        told = {key: str(value) for key, value in fields.items()}
        answered = await bulk.execute_update(name, told, result_type=dict)
        assert (answered["state"], clinic.desk.bulk(who.coordinator, started.id).state) == (state, state)


async def test_nothing_that_operators_see_names_anybody(clinic: Clinic) -> None:
    """ST-2, VIS-12: descriptions, summaries and memos hold ids."""
    who = clinic.members
    asked = await clinic.request()
    await clinic.service.refuse(who.new_owner, asked.id, reason=secret("reason"))
    again = await clinic.request()
    for transfer in (asked.id, again.id):
        described = await clinic.handle(transfer).describe()
        assert SECRET not in str(described.raw_description)
        assert await described.memo() == {}
        assert await described.static_summary() == f"record {clinic.record}"
        assert await described.static_details() is None
        assert SECRET not in await clinic.details(transfer)
