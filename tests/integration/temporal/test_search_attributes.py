"""The search attributes: those of the embedded server, and a server that has none."""

import asyncio
import uuid

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from engine.errors import Unavailable
from engine.messages.search_attributes import ALL, BULK_ID, RECORD_ID
from engine.settings import Settings
from engine.temporal import search_attributes
from engine.temporal.connection import connect


@pytest.fixture
async def bare(at_server: Settings) -> Client:
    """A client of a namespace where nothing was registered."""
    name = f"bare-{uuid.uuid4()}"
    client = await connect(at_server.model_copy(update={"temporal_namespace": name}))
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86400))
    )
    await until_found(client)
    return client


async def until_found(client: Client) -> None:
    """A new namespace is known everywhere after a few seconds."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await search_attributes.check(client)
            except Unavailable:
                return None
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                await asyncio.sleep(0.1)


def test_names_and_types() -> None:
    assert search_attributes.TYPES == {
        "TransferState": "Keyword",
        "OrganizationId": "Keyword",
        "RecordId": "Keyword",
        "FromPractitionerId": "Keyword",
        "ToPractitionerId": "Keyword",
        "BulkId": "Keyword",
        "RespondBy": "Datetime",
    }


async def test_embedded_server_has_them(at_server: Settings) -> None:
    client = await connect(at_server)

    await search_attributes.check(client)
    handle = await client.start_workflow(
        "Nobody",
        id=f"attributes-{uuid.uuid4()}",
        task_queue="nobody",
        search_attributes=TypedSearchAttributes([SearchAttributePair(RECORD_ID, "r-1")]),
    )
    await handle.terminate()


async def test_missing_ones_are_named(bare: Client) -> None:
    with pytest.raises(Unavailable) as told:
        await search_attributes.check(bare)

    assert told.value.key == "unavailable/search_attributes"
    assert ", ".join(sorted(key.name for key in ALL)) == told.value.params["missing"]


async def test_missing_ones_are_created(bare: Client) -> None:
    await search_attributes.create_missing(bare)
    async with asyncio.timeout(30):
        while True:
            try:
                await search_attributes.check(bare)
                break
            except Unavailable:
                await asyncio.sleep(0.1)

    # Again, with nothing to do.
    await search_attributes.create_missing(bare)


async def test_one_of_another_type_is_named_and_left_alone(bare: Client) -> None:
    await bare.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=bare.namespace,
            search_attributes={BULK_ID.name: IndexedValueType.INDEXED_VALUE_TYPE_INT},
        )
    )
    await search_attributes.create_missing(bare)
    missing = ""
    async with asyncio.timeout(30):
        while missing != BULK_ID.name:
            with pytest.raises(Unavailable) as told:
                await search_attributes.check(bare)
            missing = str(told.value.params["missing"])
            await asyncio.sleep(0.1)
