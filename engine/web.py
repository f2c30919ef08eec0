"""The two doors over HTTP in one application: the interface for services, and the console for people."""

import argparse
import asyncio
import importlib
import importlib.util
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from engine import logs, wiring
from engine.api.app import api
from engine.desk.desk import Desk
from engine.errors import BadInput, EngineError
from engine.identity.local import Keys, LocalIssuer, client_of
from engine.identity.oidc import Client, Provider
from engine.service import Service
from engine.settings import Settings

log = structlog.stdlib.get_logger("engine.web")

#: What belongs to the interface; everything else is the console's.
_OF_THE_API: Final = ("/v1", "/healthz", "/readyz", "/metrics", "/openapi.json")
_GRACE_SECONDS: Final = 10
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def application(
    service: Service, provider: Provider, settings: Settings, *, local: LocalIssuer | None = None
) -> Starlette:
    """
    Join the doors: the interface under `/v1`, the console at `/`, the local issuer under `/issuer`.

    Args:
        service: What both doors ask.
        provider: Says who speaks.
        settings: Of this installation.
        local: The issuer of the data folder, where things are tried out.
    """
    interface = api(service, provider, settings)
    pages = _console(service, provider, settings)

    async def door(scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - ASGI
        ours = pages is None or scope["path"].startswith(_OF_THE_API)
        chosen: ASGIApp = interface if ours or pages is None else pages
        await chosen(scope, receive, send)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await provider.close()

    routes: list[BaseRoute] = [] if local is None else [Mount("/issuer", app=local.app)]
    return Starlette(routes=[*routes, Mount("/", app=door)], lifespan=lifespan)


def _console(service: Service, provider: Provider, settings: Settings) -> ASGIApp | None:
    """Make the console, once there is one."""
    if importlib.util.find_spec("engine.console") is None:
        return None
    made: ASGIApp = importlib.import_module("engine.console.app").console(service, provider, settings)
    return made


def local_issuer(settings: Settings, desk: Desk, address: str) -> tuple[Provider, LocalIssuer]:
    """Open the issuer of the data folder, at the application's address, and what believes it."""
    local = LocalIssuer(address, Keys(settings.issuer_key), desk.personas)
    # Asked in this process: the way over the network would lead back here.
    carried = Starlette(routes=[Mount("/issuer", app=local.app)])
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=carried))
    return Provider(client_of(address), http=http), local


def issuer_of(settings: Settings) -> Provider:
    """Make what believes the issuer of the settings. Raises ``BadInput`` where none is named."""
    if settings.issuer is None:
        raise BadInput("setting", name="issuer")
    secret = settings.client_secret
    return Provider(
        Client(
            issuer=settings.issuer,
            client_id=settings.client_id,
            client_secret=None if secret is None else secret.get_secret_value(),
            audience=settings.audience,
            algorithm=settings.issuer_algorithm,
        )
    )


def serve(settings: Settings, *, host: str, port: int, local: bool = False) -> None:
    """
    Serve both doors until SIGTERM or SIGINT. Raises ``BadInput`` where no issuer is named.

    Args:
        settings: Of this installation.
        host: Where to listen.
        port: The port to listen at.
        local: Believe the issuer of the data folder, which lets anybody be anybody: on this machine only.
    """
    # Two languages of the same address would be two origins: links and the issuer need one name.
    address = settings.address or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if local:
        _check_local(settings, host, address)
    desk = wiring.open_desk(settings, os_uid=None)
    service = wiring.open_service(settings, desk, os_uid=None)
    try:
        provider, issuer = local_issuer(settings, desk, address) if local else (issuer_of(settings), None)
        app = application(service, provider, settings, local=issuer)
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        log.info("web.starting", address=address, local_issuer=local, pid=os.getpid())
        asyncio.run(_Server(config).serve())
    finally:
        desk.database.close()


class _Server(uvicorn.Server):
    """Ends by itself when it is told to, instead of dying of the same signal once it has ended."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT ask for the end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
        yield


def _check_local(settings: Settings, host: str, address: str) -> None:
    """Let anybody be anybody on this machine alone: behind no name of its own, beside no real issuer."""
    if settings.issuer is not None:
        raise BadInput("setting", name="issuer")
    if host not in _THIS_MACHINE:
        raise BadInput("setting", name="web_host")
    if urlsplit(address).hostname not in _THIS_MACHINE:
        raise BadInput("setting", name="address")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a data folder; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -P -m engine.web", description=__doc__)
    parser.add_argument("--data", type=Path, help="the data folder (PASSATION_DATA, ./passation-data)")
    parser.add_argument("--host", help="where to listen (PASSATION_WEB_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="the port (PASSATION_WEB_PORT, 8080)")
    parser.add_argument("--local-issuer", action="store_true", help="let anybody be anybody, to try things")
    given = parser.parse_args(arguments)
    logs.configure()
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    try:
        settings = Settings.load(data=given.data)
        host, port = given.host or settings.web_host, given.port or settings.web_port
        serve(settings, host=host, port=port, local=given.local_issuer)
    except EngineError as error:
        log.error("web.failed", code=error.key, **error.params)  # noqa: TRY400 - the code says it all
        return 1
    except Exception:
        log.exception("web.failed")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Temporal's library sometimes crashes an interpreter that ends by itself (sdk-python #300).
    os._exit(code)
