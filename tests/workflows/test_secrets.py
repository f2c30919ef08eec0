"""What people wrote stays in the database (ST-2): planted everywhere, and searched for everywhere else."""

import asyncio
import json
import logging
from uuid import uuid4

import pytest
from temporalio.api.workflowservice.v1 import ListWorkflowExecutionsRequest

from engine.errors import Denied
from engine.messages.transfer import Accept
from engine.states.choices import BasisForm, Purpose
from engine.states.transfer import TransferState
from tests.workflows import histories
from tests.workflows.clinic import CAUTIOUS, EVERYTHING, NEXT_TRY, Clinic, eventually
from tests.workflows.histories import SECRET, secret


async def test_no_text_and_no_name_leaves_the_database(
    clinic: Clinic, caplog: pytest.LogCaptureFixture, log_lines: logging.Formatter
) -> None:
    """ST-2, VIS-12: through every decision, a denial, an outage of bytes and an unexpected error."""
    who = clinic.members
    service = clinic.service
    asked = await service.request(
        who.owner,
        clinic.record,
        who.new_owner,
        purpose=Purpose.CLIENT_REQUEST,
        options=EVERYTHING,
        basis=(BasisForm.WRITTEN, secret("basis")),
        message=secret("message"),
    )
    await service.narrow(who.owner, asked.id, CAUTIOUS)
    with pytest.raises(Denied):
        await service.cancel(who.new_owner, asked.id, reason=secret("cancel"))
    await service.refuse(who.new_owner, asked.id, reason=secret("refusal"))
    again = await clinic.request()
    with clinic.without_bytes():
        accept = asyncio.create_task(
            clinic.send("accept", Accept(transfer_id=again.id, command_id=uuid4(), actor_id=who.new_owner))
        )
        await eventually(lambda: clinic.stuck_on(again.id, "transfer.accept"))
    await clinic.fast_forward(again.id, NEXT_TRY)
    assert (await accept).state is TransferState.ACCEPTED
    last = await clinic.request(by=who.new_owner, to=who.owner)
    await service.cancel(who.new_owner, last.id, reason=secret("reason"))

    # The control: all of it was written, and is read by those who may.
    assert clinic.desk.transfer(who.owner, asked.id).reason == secret("refusal")
    assert clinic.desk.transfer(who.owner, asked.id).basis == secret("basis")
    assert secret("note") in str(clinic.desk.record(who.new_owner, clinic.record))
    found = await clinic.histories()
    assert len(found) == 3
    for history in found:
        text = history.to_json()
        assert SECRET not in text
        assert histories.leaks(text) == []
        assert str(clinic.record) in str(history.events[0])
    listed = await clinic.client.workflow_service.list_workflow_executions(
        ListWorkflowExecutionsRequest(
            namespace=clinic.client.namespace, query=f'TaskQueue = "{clinic.queue}"'
        )
    )
    assert len(listed.executions) == 3
    assert SECRET.encode() not in listed.SerializeToString()
    lines = [log_lines.format(record) for record in caplog.records]
    told = {json.loads(line)["event"] for line in lines}
    assert {"command.denied", "transfer.stuck"} <= told
    assert [line for line in lines if SECRET in line] == []
