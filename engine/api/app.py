"""The interface for services: `/v1`, and what says whether the process is well."""

from typing import Any

from fastapi import FastAPI

from engine.identity.oidc import Provider
from engine.service import Service
from engine.settings import Settings


def api(service: Service, provider: Provider, settings: Settings) -> FastAPI:
    """Make the interface; it translates, and decides nothing."""
    app = FastAPI(
        title="Passation",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry={"auto_configure": False},
    )
    app.state.service, app.state.provider, app.state.settings = service, provider, settings

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, Any]:
        """Say that the process is there."""
        return {"status": "ok"}

    return app
