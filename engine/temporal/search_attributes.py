"""Whether a Temporal server knows the search attributes that transfers carry, and how it learns them."""

from typing import Final

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeIndexedValueType

from engine.errors import Unavailable
from engine.messages.search_attributes import ALL
from engine.temporal.connection import outages_named

#: Each attribute's name and the name of its type, as the `temporal` command spells them.
TYPES: Final = {
    key.name: "Datetime" if key.indexed_value_type is SearchAttributeIndexedValueType.DATETIME else "Keyword"
    for key in ALL
}
_WANTED: Final = {
    name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}") for name, kind in TYPES.items()
}


def dev_server_arguments() -> list[str]:
    """Give the arguments that make `temporal server start-dev` register them."""
    return [part for name, kind in TYPES.items() for part in ("--search-attribute", f"{name}={kind}")]


async def check(client: Client) -> None:
    """Raise ``Unavailable`` with the names of those that are missing or of another type."""
    found = await _found(client)
    wrong = sorted(name for name, kind in _WANTED.items() if found.get(name) != kind)
    if wrong:
        raise Unavailable("search_attributes", missing=", ".join(wrong), namespace=client.namespace)


async def create_missing(client: Client) -> None:
    """Register those that are missing; one of another type stays as it is, and `check` says so."""
    found = await _found(client)
    missing = {name: kind for name, kind in _WANTED.items() if name not in found}
    if missing:
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        with outages_named():
            await client.operator_service.add_search_attributes(request)


async def _found(client: Client) -> dict[str, IndexedValueType.ValueType]:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    with outages_named():
        answer = await client.operator_service.list_search_attributes(request)
    return dict(answer.custom_attributes)
