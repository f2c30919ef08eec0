"""The interface for services: `/v1`, and what says whether the process is well."""

from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from engine.api import bulks, health, organization, practice, problems, transfers
from engine.api.limits import Limits
from engine.api.metrics import Metrics
from engine.identity.oidc import Provider
from engine.service import Service
from engine.settings import Settings

_DESCRIPTION: Final = """\
Records change hands: request, accept, refuse, and everything around it. Whoever speaks is a member, by a
token of the organization's issuer, or a service on a member's behalf; what they may do is decided by their
roles in the database at that moment.

Commands are POST. Give each an `Idempotency-Key` of your own, and send it again with the same key whenever
an answer did not arrive: the same key has the same answer for a day. A problem (`application/problem+json`)
has a stable `code`; docs/errors.md says what each means.
"""
_TAGS: Final = (
    "transfers",
    "bulk transfers",
    "records",
    "restrictions",
    "members",
    "organization",
    "quarantine",
    "audit",
    "health",
)


def api(service: Service, provider: Provider, settings: Settings) -> FastAPI:
    """Make the interface; it translates, and decides nothing."""
    app = described()
    metrics = Metrics()
    app.state.service, app.state.provider = service, provider
    app.state.settings, app.state.metrics = settings, metrics
    app.add_middleware(
        Limits, most_bytes=settings.web_most_bytes, a_second=settings.web_rate, metrics=metrics
    )
    return app


def described() -> FastAPI:
    """Make the interface without anything behind it; it can be described, not asked."""
    app = FastAPI(
        title="Passation",
        version=version("passation"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        openapi_tags=[{"name": name} for name in _TAGS],
        redirect_slashes=False,
        telemetry={"auto_configure": False},
        generate_unique_id_function=lambda route: (
            f"{route.tags[0] if route.tags else 'x'}.{route.name}".replace(" ", "_")
        ),
    )
    problems.install(app)
    for router in (transfers.router, bulks.router, practice.router, organization.router):
        app.include_router(router, responses=problems.RESPONSES)
    app.include_router(health.router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Describe the interface (OpenAPI 3.1), with problems in the place of the framework's own errors."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        schemas = made["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        model = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= model.pop("$defs", {})
        schemas["Problem"] = model
        # Said once, and referred to: the same problems may answer everywhere.
        shared = {f"Problem{status}": told for status, told in problems.RESPONSES.items()}
        made["components"]["responses"] = shared
        for operations in made["paths"].values():
            for operation in operations.values():
                for status, told in operation["responses"].items():
                    if told == shared.get(f"Problem{status}"):
                        operation["responses"][status] = {"$ref": f"#/components/responses/Problem{status}"}
        app.openapi_schema = made
    return app.openapi_schema
