"""The way to a Temporal server: the one of the data folder, a cluster, or Temporal Cloud."""

import asyncio
import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.service import GrpcCompression, RPCError, RPCStatusCode

from engine.errors import BadInput, Unavailable
from engine.settings import Settings
from engine.temporal.plugin import PassationPlugin

TASK_QUEUE: Final = "passation-transfers"
NOTICE_QUEUE: Final = "passation-notices"

_PATIENCE = 3.0
_OUTAGES: Final = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    # "transport error": the connection broke under the request.
    RPCStatusCode.UNKNOWN,
}


async def connect(settings: Settings, *, lazy: bool = False, plugin: PassationPlugin | None = None) -> Client:
    """
    Connect to the server that the settings, the data folder or the TEMPORAL_* variables name, in this order.

    Args:
        settings: Of this installation.
        lazy: Do not wait for the server; the first call connects. A worker needs ``False``.
        plugin: Another variant of the plugin, such as the strict one.

    Raises ``Unavailable`` within seconds when no server is named or none answers.
    """
    target = server(settings)
    address = target.get("target_host", "")
    if not address:
        raise Unavailable("temporal_unavailable", address="")
    near = GrpcCompression.NONE if is_near(address) else GrpcCompression.GZIP
    try:
        async with asyncio.timeout(_PATIENCE):
            return await Client.connect(
                **target,
                plugins=[plugin or PassationPlugin()],
                lazy=lazy,
                connect_timeout=timedelta(seconds=_PATIENCE),
                grpc_compression=near,
            )
    except (RuntimeError, TimeoutError, OSError, RPCError) as error:
        raise Unavailable("temporal_unavailable", address=address) from error


def server(settings: Settings) -> ClientConnectConfig:
    """Say which server it is, with the namespace, key and certificates that it needs."""
    running = settings.running()
    if running is not None and settings.temporal_address is None:
        # The server beside the database: what TEMPORAL_* says is about another one.
        return ClientConnectConfig(target_host=running.address, namespace=running.namespace)
    try:
        target = ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError) as error:
        raise BadInput("temporal_profile") from error
    if settings.temporal_address is not None:
        target["target_host"] = settings.temporal_address
    if settings.temporal_namespace is not None:
        target["namespace"] = settings.temporal_namespace
    return target


def is_near(address: str) -> bool:
    """Say whether the address is on this machine, where compression costs more than it saves."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def outages_named() -> Iterator[None]:
    """Turn a server that does not answer into ``Unavailable``; any other error passes."""
    try:
        yield
    except RPCError as error:
        if error.status in _OUTAGES:
            raise Unavailable("temporal_unavailable") from error
        raise
