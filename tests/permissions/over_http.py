"""The same commands, given over HTTP: each call is a request, each problem the error that it tells."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx2
from pydantic import TypeAdapter

from engine import views
from engine.errors import BadInput, NotFound, of_key
from engine.records.database import Database
from engine.states.choices import Options, Purpose
from tests.integration.api.client import Http
from tests.permissions.cast import Cast
from tests.permissions.doors import Doors

#: The commands of the table that the interface has.
COMMANDS: Final = frozenset(
    {
        "record show", "record list", "record find", "client restrictions", "record open-emergency",
        "record show · bytes", "record show · note", "record show · raw data", "record show · memo",
        "record show · confidential note", "transfer preview", "transfer request",
        "transfer request · to oneself", "transfer show", "transfer list", "needs-you",
        "transfer show · number", "transfer show · who", "transfer show · purpose and options",
        "transfer show · reason", "transfer show · basis and message", "transfer receipt",
        "transfer receipt · number", "transfer accept", "transfer refuse", "transfer cancel",
        "transfer narrow", "transfer reassign", "transfer reassign · to oneself", "transfer impose",
        "transfer impose · on oneself", "bulk preview", "record share", "record unshare", "record archive",
        "record reactivate", "client restrict", "client unrestrict", "record hold", "record holds",
        "quarantine restore", "quarantine list", "quarantine copies", "quarantine open", "record add",
        "org show", "org policy show", "org policy set", "member list", "member add", "member deactivate",
        "member deactivate · what is held", "member grant", "member revoke", "member revoke · what waits",
        "practitioners", "member activate", "member title", "member link", "member unlink",
        "member accepts", "destruction preview", "destruction report", "audit head",
    }
)  # fmt: skip


def _options(options: Options) -> dict[str, Any]:
    return {
        "include_confidential": options.include_confidential,
        "raw_data": options.raw_data,
        "keep_copy": options.keep_copy,
    }


class _Wire:
    """Sends for somebody, and tells what came back as the desk would."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def ask(self, actor: UUID, method: str, path: str, kind: Any = None, **more: Any) -> Any:  # noqa: ANN401
        answer = await self._http.send(method, path, actor=actor, **more)
        _raise(answer)
        if kind is bytes:
            return answer.content
        told = answer.json()
        if kind is None:
            return told
        if isinstance(told, dict) and told.keys() == {"data"}:
            told = told["data"]
        return TypeAdapter(kind).validate_json(json.dumps(told))


def _raise(answer: httpx2.Response) -> None:
    if answer.status_code < 400:
        return
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    code, variant = problem["code"], problem.get("variant")
    if code == "identity" and variant == "nobody":
        raise NotFound("member")
    if code == "bad_input":
        raise BadInput(variant)
    assert code not in {"unavailable", "internal"}, answer.text
    raise of_key(code if variant is None else f"{code}/{variant}")


class HttpDesk:
    """What of the desk the interface has; the rest is the desk's own."""

    def __init__(self, doors: "HttpDoors", wire: _Wire) -> None:
        self._doors, self._wire = doors, wire
        self._desk = doors.real

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Give what the interface has not."""
        if name in _GET:
            path, kind = _GET[name]
            return lambda actor, *named: self._ask(actor, "GET", path.format(*named), kind)
        return getattr(self._desk, name)

    def _ask(self, *what: Any, **more: Any) -> Any:  # noqa: ANN401
        return self._doors.wait(self._wire.ask(*what, **more))

    def _post(self, actor: UUID, path: str, body: Any = None, kind: Any = None) -> Any:  # noqa: ANN401
        return self._ask(actor, "POST", f"/v1/{path}", kind, body=body)

    def transfers(self, actor: UUID, after: UUID | None = None) -> Any:  # noqa: ANN401
        params = {} if after is None else {"after": str(after)}
        return self._ask(actor, "GET", "/v1/transfers", views.TransfersView, params=params)

    def find_records(self, actor: UUID, owner: UUID, words: str) -> Any:  # noqa: ANN401
        path = f"/v1/practitioners/{owner}/records"
        return self._ask(actor, "GET", path, views.FoundRecordsView, params={"words": words})

    def preview(self, actor: UUID, record: UUID, to: UUID, options: Options) -> Any:  # noqa: ANN401
        body = {"record": str(record), "to": str(to), "options": _options(options)}
        return self._post(actor, "transfers/preview", body, views.PreviewView)

    def bulk_preview(self, actor: UUID, source: UUID, to: Sequence[UUID], **more: bool) -> Any:  # noqa: ANN401
        body = {"from": str(source), "to": [str(each) for each in to]} | more
        return self._post(actor, "bulk-transfers/preview", body, views.BulkPreviewView)

    def open_emergency(self, actor: UUID, record: UUID, reason: str) -> Any:  # noqa: ANN401
        return self._post(actor, f"records/{record}/emergency", {"reason": reason})

    def share(self, actor: UUID, record: UUID, member: UUID, *, level: str) -> Any:  # noqa: ANN401
        return self._post(actor, f"records/{record}/share", {"member": str(member), "level": level})

    def unshare(self, actor: UUID, record: UUID, member: UUID) -> Any:  # noqa: ANN401
        return self._post(actor, f"records/{record}/unshare", {"member": str(member)})

    def archive(self, actor: UUID, record: UUID) -> Any:  # noqa: ANN401
        return self._post(actor, f"records/{record}/archive")

    def reactivate(self, actor: UUID, record: UUID) -> Any:  # noqa: ANN401
        return self._post(actor, f"records/{record}/reactivate")

    def restrict(self, actor: UUID, record: UUID, *, member_id: UUID, title: None, basis: str) -> Any:  # noqa: ANN401
        body = {"member": str(member_id), "title": title, "basis": basis}
        return self._post(actor, f"records/{record}/restrictions", body)

    def unrestrict(self, actor: UUID, record: UUID, restriction: UUID) -> Any:  # noqa: ANN401
        return self._post(actor, f"records/{record}/restrictions/{restriction}/end")

    def record_to_hold(self, actor: UUID, name: str) -> str:
        """The interface finds it with the command."""
        del actor
        return name

    def hold(self, actor: UUID, record: UUID | str, reason: str) -> Any:  # noqa: ANN401
        return self._post(actor, f"records/{record}/hold", {"reason": reason})

    def restore(self, actor: UUID, holding: UUID, *, cause: str, reason: str) -> Any:  # noqa: ANN401
        return self._post(actor, f"quarantine/{holding}/restore", {"cause": cause, "reason": reason})

    def open_copy(
        self, actor: UUID, copy: UUID, *, reader_id: UUID, days: int, cause: str, reason: str
    ) -> Any:  # noqa: ANN401
        body = {"reader": str(reader_id), "days": days, "cause": cause, "reason": reason}
        return self._post(actor, f"quarantine/copies/{copy}/open", body, views.OpeningView)

    def add_record(self, actor: UUID, **said: Any) -> Any:  # noqa: ANN401
        return self._post(actor, "records", said, views.RecordView)

    def change_policy(self, actor: UUID, name: str, words: Sequence[str]) -> Any:  # noqa: ANN401
        return self._post(actor, f"policies/{name}", {"values": list(words)}, views.PolicyView)

    def add_member(self, actor: UUID, **said: Any) -> Any:  # noqa: ANN401
        return self._post(actor, "members", said, views.MemberView)

    def grant(self, actor: UUID, member: UUID, role: str) -> Any:  # noqa: ANN401
        return self._post(actor, f"members/{member}/grant", {"role": role}, views.RoleView)

    def revoke(self, actor: UUID, member: UUID, role: str) -> Any:  # noqa: ANN401
        return self._post(actor, f"members/{member}/revoke", {"role": role}, views.RoleView)

    def deactivate(self, actor: UUID, member: UUID) -> Any:  # noqa: ANN401
        return self._post(actor, f"members/{member}/deactivate", None, views.HeldView)

    def activate(self, actor: UUID, member: UUID) -> Any:  # noqa: ANN401
        return self._post(actor, f"members/{member}/activate", None, views.MemberView)

    def set_title(self, actor: UUID, member: UUID, title: str) -> Any:  # noqa: ANN401
        return self._post(actor, f"members/{member}/title", {"title": title}, views.MemberView)

    def link_member(self, actor: UUID, member: UUID, issuer: str, subject: str) -> Any:  # noqa: ANN401
        return self._post(actor, f"members/{member}/link", {"issuer": issuer, "subject": subject})

    def unlink_member(self, actor: UUID, member: UUID) -> Any:  # noqa: ANN401
        return self._post(actor, f"members/{member}/unlink")

    def set_accepts(self, actor: UUID, *, accepts: bool) -> Any:  # noqa: ANN401
        return self._post(actor, "me/accepts", {"accepts": accepts}, views.MemberView)


#: Questions, by the desk's method: where they are asked, and what is answered.
_GET: Final[dict[str, tuple[str, Any]]] = {
    "record": ("/v1/records/{0}", views.RecordView),
    "records": ("/v1/records", list[views.RecordView]),
    "content": ("/v1/records/{0}/items/{1}/content", bytes),
    "restrictions": ("/v1/records/{0}/restrictions", list[views.RestrictionView]),
    "needs": ("/v1/needs", views.NeedsView),
    "receipt": ("/v1/transfers/{0}/receipt", None),
    "holds": ("/v1/holds", list[views.HoldView]),
    "quarantines": ("/v1/quarantine", list[views.QuarantineView]),
    "holderless_copies": ("/v1/quarantine/copies", list[views.HolderlessCopyView]),
    "organization": ("/v1/organization", views.OrganizationFactsView),
    "policies": ("/v1/policies", list[views.PolicyView]),
    "members": ("/v1/members", list[views.MemberView]),
    "held": ("/v1/members/{0}/held", views.HeldView),
    "role": ("/v1/members/{0}/roles/{1}", views.RoleView),
    "practitioners": ("/v1/practitioners", list[views.PractitionerView]),
    "destruction_forecast": ("/v1/destruction/preview", list[views.DueView]),
    "destruction_report": ("/v1/destruction/report", list[views.TombstoneView]),
    "head": ("/v1/audit/head", None),
}


class HttpService:
    """What of the service the interface has: everything about one transfer."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    async def _on(self, actor: UUID, transfer: UUID, what: str, **body: Any) -> views.TransferView:  # noqa: ANN401
        found: views.TransferView = await self._wire.ask(
            actor, "POST", f"/v1/transfers/{transfer}/{what}", views.TransferView, body=body
        )
        return found

    async def request(
        self, actor: UUID, record: UUID, to: UUID, *, purpose: Purpose, message: str
    ) -> views.TransferView:
        body = {"record": str(record), "to": str(to), "purpose": purpose, "message": message}
        found: views.TransferView = await self._wire.ask(
            actor, "POST", "/v1/transfers", views.TransferView, body=body
        )
        return found

    async def show(self, actor: UUID, transfer: UUID) -> views.TransferView:
        found: views.TransferView = await self._wire.ask(
            actor, "GET", f"/v1/transfers/{transfer}", views.TransferView
        )
        return found

    async def accept(self, actor: UUID, transfer: UUID) -> views.TransferView:
        return await self._on(actor, transfer, "accept")

    async def refuse(self, actor: UUID, transfer: UUID, *, reason: str) -> views.TransferView:
        return await self._on(actor, transfer, "refuse", reason=reason)

    async def cancel(self, actor: UUID, transfer: UUID, *, reason: str) -> views.TransferView:
        return await self._on(actor, transfer, "cancel", reason=reason)

    async def narrow(self, actor: UUID, transfer: UUID, options: Options) -> views.TransferView:
        return await self._on(actor, transfer, "narrow", options=_options(options))

    async def reassign(self, actor: UUID, transfer: UUID, to: UUID, *, reason: str) -> views.TransferView:
        return await self._on(actor, transfer, "reassign", to=str(to), reason=reason)

    async def impose(self, actor: UUID, transfer: UUID, to: UUID, *, reason: str) -> views.TransferView:
        return await self._on(actor, transfer, "impose", to=str(to), reason=reason)


class HttpDoors(Doors):
    """A desk and a service that are asked over HTTP."""

    def __init__(self, database: Database, cast: Cast, folder: Path, runner: asyncio.Runner) -> None:
        super().__init__(database, cast, folder, runner)
        wire = _Wire(Http(database, folder / "http"))
        self.real = self.desk
        self.desk = HttpDesk(self, wire)  # type: ignore[assignment]
        self.service = HttpService(wire)  # type: ignore[assignment]
