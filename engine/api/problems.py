"""Errors as RFC 9457 problems: a stable code, a sentence in the reader's language, never what was sent."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from engine.catalogue import sentence
from engine.errors import BadInput, EngineError, Unavailable, Unidentified

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
#: What is about HTTP itself, and answers with a status of its own.
_STATUS: Final = {
    "bad_input/no_such_path": 404,
    "bad_input/method": 405,
    "bad_input/too_large": 413,
    "bad_input/media_type": 415,
    "bad_input/too_many_requests": 429,
}
_OF_STATUS: Final = {404: "no_such_path", 405: "method", 413: "too_large", 415: "media_type"}


class Place(BaseModel):
    """Where a request has not the form that it should."""

    at: str = Field(description="The field, such as `body.purpose`.", examples=["body.purpose"])
    what: str = Field(description="What is wrong with it, in one word.", examples=["missing"])


class Problem(BaseModel):
    """What went wrong, and what to do (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:passation:error:ELIG-3/inactive",
                    "title": "Forbidden",
                    "status": 403,
                    "detail": "This member is no longer active. Choose an active practitioner.",
                    "code": "ELIG-3",
                    "variant": "inactive",
                    "rule": "ELIG-3",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str = Field(description="A sentence for people, in the language of `Accept-Language`.")
    code: str = Field(description="Stable; docs/errors.md lists every one.")
    variant: str | None = None
    rule: str | None = Field(default=None, description="The rule that denied, where a rule did.")
    errors: list[Place] | None = None


def language_of(request: Request) -> str:
    """Choose the language of a sentence: what the reader prefers, or English."""
    wished = []
    for place, part in enumerate(request.headers.get("accept-language", "")[:200].split(",")):
        name, _, quality = part.partition(";q=")
        tag = name.strip().lower().partition("-")[0]
        if tag in {"fr", "en"}:
            wished.append((-_number(quality), place, tag))
    default = request.app.state.settings.language or "en"
    return min(wished)[2] if wished else str(default)


def _number(quality: str) -> float:
    try:
        return float(quality) if quality else 1.0
    except ValueError:
        return 0.0


def status_of(error: EngineError) -> int:
    """Say with which status an error is answered."""
    return _STATUS.get(error.key, error.status)


def problem(error: EngineError, language: str, places: Sequence[Place] | None = None) -> dict[str, Any]:
    """Tell an error."""
    status = status_of(error)
    told = Problem(
        type=f"urn:passation:error:{error.key}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=sentence(error, language),
        code=error.code,
        variant=error.variant,
        rule=error.code if error.code[:1].isupper() else None,
        errors=None if places is None else list(places),
    )
    return told.model_dump(mode="json", exclude_none=True)


def answer(
    error: EngineError,
    language: str,
    places: Sequence[Place] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Answer with a problem."""
    more = dict(headers or {})
    if isinstance(error, Unidentified):
        more["WWW-Authenticate"] = 'Bearer realm="passation"'
    if isinstance(error, Unavailable):
        more.setdefault("Retry-After", "2")
    return JSONResponse(
        problem(error, language, places),
        status_code=status_of(error),
        media_type=MEDIA_TYPE,
        headers={**more, "Content-Language": language, "Cache-Control": "no-store"},
    )


def install(app: FastAPI) -> None:
    """Answer every error of the application with a problem."""

    @app.exception_handler(EngineError)
    async def engine(request: Request, error: EngineError) -> Response:
        return answer(error, language_of(request))

    @app.exception_handler(RequestValidationError)
    async def form(request: Request, error: RequestValidationError) -> Response:
        # Neither the value nor pydantic's message, which may quote it.
        places = [
            Place(at=".".join(str(part) for part in found["loc"])[:200], what=str(found["type"]))
            for found in error.errors()[:20]
        ]
        return answer(BadInput("form"), language_of(request), places)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        variant = _OF_STATUS.get(error.status_code, "form")
        return answer(BadInput(variant), language_of(request), headers=error.headers)

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> Response:
        logger.error("http.fault", exc_info=error)
        return answer(EngineError("internal"), language_of(request))


#: What every command and question may answer with, for the description of the interface.
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    str(status): {
        "description": words,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, words in {
        400: "Not understood.",
        401: "Nobody knows who speaks.",
        403: "A rule denies it; `rule` says which.",
        404: "It does not exist, or the one who asks may not know that it does (VIS-11).",
        409: "It cannot be carried out for a cause that is no rule (ST-5).",
        413: "The body is too large.",
        415: "The body is not JSON.",
        422: "Not of the form that it should have.",
        429: "Too many requests; `Retry-After` says when to go on.",
        503: "Something does not answer, and nothing was decided: send the same again, with the same key.",
    }.items()
}
