"""How answers look: one JSON object for programs, calm tables for people."""

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from engine.catalogue import label
from engine.views import (
    ClassLine,
    FoundRecordsView,
    HeldView,
    HoldView,
    ItemView,
    MemberView,
    NeedsView,
    OrganizationFactsView,
    PolicyView,
    PractitionerView,
    PreviewView,
    RecordView,
    RestrictionView,
    RoleView,
    TransfersView,
    TransferView,
)

#: In which order a reader asks: what goes, what I keep, what nobody sees, who is told, what is gone.
OUTCOMES: Final = {
    "moved": "green",
    "kept": "cyan",
    "withheld": "yellow",
    "cancelled": "yellow",
    "deleted": "red",
}
_WIDE: Final = 200
#: Control characters but tab and newline, and what turns the direction of writing round.
_STEERS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_V = TypeVar("_V", bound=BaseModel)


def plain(content: Any) -> Any:  # noqa: ANN401 - whatever JSON has a form for
    """Give views in the form that JSON has for them, under the names of the field."""
    if isinstance(content, BaseModel):
        return content.model_dump(mode="json")
    if isinstance(content, Mapping):
        return {name: plain(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    return str(content) if content is not None and not isinstance(content, str | int | bool) else content


def harmless(content: _V) -> _V:
    """Take out of a view what would steer the reader's terminal instead of being read."""
    return type(content).model_validate(_cleaned(content.model_dump()))


def harmless_text(text: str) -> str:
    """Take out of a text what would steer the reader's terminal instead of being read."""
    return _STEERS.sub("\N{REPLACEMENT CHARACTER}", text)


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - a view's fields
    if isinstance(value, str):
        return _STEERS.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value
    if isinstance(value, dict):
        return {name: _cleaned(inner) for name, inner in value.items()}
    return [_cleaned(inner) for inner in value] if isinstance(value, list) else value


class Page:
    """What a person reads, in their language and in the time zone of their organization."""

    def __init__(self, language: str, time_zone: str, *, to_stderr: bool = False) -> None:
        self._language = language
        self._zone = ZoneInfo(time_zone)
        self._zone_name = time_zone
        # Into a file or a pipe, a line is as wide as it needs to be.
        width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDE
        self._console = Console(highlight=False, markup=False, emoji=False, width=width, stderr=to_stderr)

    @property
    def language(self) -> str:
        """The reader's language."""
        return self._language

    def text(self, text: str) -> None:
        """Print a sentence, or a text as it was written."""
        self._console.print(Text(_cleaned(text)), soft_wrap=True)

    def words(self, key: str, /, **params: str | int) -> str:
        """Give a label in the reader's language."""
        return label(key, self._language, **params)

    def say(self, key: str, /, **params: str | int) -> None:
        """Print one line from the catalogue."""
        self._console.print(self.words(key, **params), soft_wrap=True)

    def instant(self, instant: datetime, *, zone: bool = False) -> str:
        """Give an instant as clocks in the organization show it."""
        shown = instant.astimezone(self._zone).strftime("%Y-%m-%d %H:%M")
        return f"{shown} ({self._zone_name})" if zone else shown

    def members(self, members: Sequence[MemberView]) -> None:
        """Show who is there."""
        table = self._table("name", "address", "professional_title", "roles", "status")
        for member in map(harmless, members):
            roles = ", ".join(self.words(f"role/{role}") for role in member.roles)
            status = self.words("status/active" if member.active else "word/inactive")
            if member.active and not member.accepts_records:
                status = f"{status}, {self.words('word/not_accepting')}"
            table.add_row(member.name, member.email, member.title, roles, status)
        self._print(table)

    def held(self, found: HeldView) -> None:
        """Show what a member still holds, in counts."""
        found = harmless(found)
        self.heading("heading/held", name=found.member.name)
        counts = found.model_dump(exclude={"member", "waiting", "left_records"})
        self.facts({self.words(f"held/{name}"): str(count) for name, count in counts.items()})
        self.waits(found)

    def waits(self, found: HeldView | RoleView) -> None:
        """Show what would wait for nobody, where the last coordinator goes (ST-1)."""
        if found.waiting or found.left_records:
            self.say("held/waiting", transfers=found.waiting, records=found.left_records)

    def practitioners(self, found: Sequence[PractitionerView]) -> None:
        """Show practitioners in numbers."""
        numbers = ("institutional", "confidential_records", "transfers_out", "transfers_in")
        table = self._table("name", "address", "professional_title", *numbers, "status")
        for column in table.columns[3:-1]:
            column.justify = "right"
        for each in map(harmless, found):
            words = [] if each.accepts_records else ["word/not_accepting"]
            status = ["word/inactive_with_records"] if each.inactive else ["status/active", *words]
            counts = (each.institutional, each.confidential, each.transfers_out, each.transfers_in)
            table.add_row(
                each.name, each.email, each.title, *map(str, counts), ", ".join(map(self.words, status))
            )
        self._print(table)

    def found(self, found: FoundRecordsView) -> None:
        """Show the records that a search found."""
        found = harmless(found)
        table = self._table("number", "title", "status", "id")
        for record in found.records:
            frozen = record.open_transfer_id is not None
            status = self.words("word/frozen" if frozen else "status/active")
            table.add_row(record.number, record.title, status, str(record.id))
        self._print(table)
        if found.more:
            self.say("word/more_found", count=found.more)

    def restrictions(self, found: Sequence[RestrictionView]) -> None:
        """Show whom a client's records may not go to."""
        table = self._table("client", "restricted", "set_by", "when", "basis", "ended", "id")
        for entry in map(harmless, found):
            ended = "" if entry.ended_at is None else f"{self.instant(entry.ended_at)} {entry.ended_by or ''}"
            table.add_row(
                entry.client,
                entry.member or entry.title or "",
                entry.set_by,
                self.instant(entry.set_at),
                entry.basis,
                ended.strip(),
                str(entry.id),
            )
        self._print(table)

    def organization(self, found: OrganizationFactsView) -> None:
        """Show an organization as its members know it."""
        found = harmless(found)
        self._facts(
            {
                "name": found.name,
                "administrators": ", ".join(found.administrators),
                "coordinators": ", ".join(found.coordinators) or self.words("word/no_coordinator"),
                "members": self.words("word/members", active=found.members, inactive=found.inactive),
                "language": found.language,
                "time_zone": found.time_zone,
                "id": str(found.id),
            }
        )

    def policies(self, found: Sequence[PolicyView]) -> None:
        """Show an organization's choices."""
        table = self._table("policy", "value", "default", "range", "meaning")
        for policy in map(harmless, found):
            bounds = "" if policy.least is None else f"{policy.least}\N{EN DASH}{policy.most}"
            meaning = self.words(f"policy/{policy.name}")
            table.add_row(policy.name, policy.value, policy.default, bounds, meaning)
        self._print(table)

    def records(self, records: Sequence[RecordView]) -> None:
        """Show records, one a line."""
        table = self._table("number", "title", "client", "owner", "relation", "status")
        for record in map(harmless, records):
            clients = ", ".join(record.clients)
            relation = self.words(f"relation/{record.relation}")
            table.add_row(record.number, record.title, clients, record.owner, relation, self._status(record))
        self._print(table)

    def record(self, record: RecordView) -> None:
        """Show a record with its items; the texts of notes stand below them."""
        record = harmless(record)
        facts = {
            "number": record.number,
            "title": record.title,
            "client": ", ".join(record.clients),
            "owner": record.owner,
            "relation": self.words(f"relation/{record.relation}"),
            "status": self._status(record),
            "opened": record.opened_on,
            "address": record.email,
            "reason_for_consultation": record.reason_for_consultation,
            "id": str(record.id),
        }
        self._facts(facts)
        for item in record.items:
            self._console.print()
            self._console.print(Text(self._item(item)), soft_wrap=True)
            if item.text is not None:
                self._console.print(Padding(Text(item.text.rstrip()), (0, 0, 0, 2), expand=False))

    def holds(self, found: Sequence[HoldView]) -> None:
        """Show the legal holds that stand, one a line."""
        table = self._table("number", "set_by", "set_on", "reason")
        for hold in map(harmless, found):
            table.add_row(hold.record_number, hold.set_by, self.instant(hold.set_at), hold.reason)
        self._print(table)

    def preview(self, preview: PreviewView) -> None:
        """Show at one glance what a transfer would do."""
        preview = harmless(preview)
        self.heading("heading/preview", number=preview.record_number, to=preview.to)
        self.outcomes(preview.items, copy_kept=preview.copy_kept)
        copy = "copy" if preview.options.keep_copy else "copy_by_rule" if preview.copy_kept else "no_copy"
        self.say(f"explain/{copy}")
        self.say("explain/preview_only")

    def transfer(self, transfer: TransferView) -> None:
        """Show a transfer as far as the reader may know of it."""
        transfer = harmless(transfer)
        if transfer.record_number is None:
            self.heading("heading/transfer_blind")
        else:
            self.heading("heading/transfer", number=transfer.record_number)
        self._facts(self._transfer_facts(transfer))
        if transfer.items:
            self._console.print()
            wanted = transfer.options is None or transfer.options.keep_copy
            # Invoices stay in any case; whatever else is kept is kept in a copy (MOVE-8, MOVE-11).
            by_rule = any(line.outcome == "kept" and line.item_class != "invoice" for line in transfer.items)
            self.outcomes(transfer.items, copy_kept=wanted or by_rule)

    def transfer_page(self, found: TransfersView) -> None:
        """Show a page of transfers, and say how to go on."""
        self.transfers(found.transfers)
        if found.after is not None:
            self.say("word/next_page", count=len(found.transfers), after=str(found.after))

    def needs(self, found: NeedsView) -> None:
        """Show what waits for the reader, and whose records were left."""
        found = harmless(found)
        if found.transfers or not (found.left or found.waiting or found.left_records):
            table = self._table("need", "number", "sender", "new_owner", "answer_by", "id")
            for each in found.transfers:
                transfer, why = each.transfer, "" if each.rule is None else f" ({each.rule})"
                due = transfer.respond_by if each.need in {"answer", "stopped"} else None
                table.add_row(
                    self.words(f"need/{each.need}") + why,
                    transfer.record_number or "",
                    transfer.owner or "",
                    transfer.new_owner or "",
                    "" if due is None else self.instant(due),
                    str(transfer.id),
                )
            self._print(table)
        if found.more:
            self.say("word/more_needs", count=found.more)
        if found.left:
            self.heading("heading/left")
            table = self._table("name", "address", "institutional", "confidential_records")
            for someone in found.left:
                table.add_row(
                    someone.name, someone.email, str(someone.institutional), str(someone.confidential)
                )
            self._print(table)
        if found.waiting or found.left_records:
            self.say("held/waiting", transfers=found.waiting, records=found.left_records)

    def transfers(self, transfers: Sequence[TransferView]) -> None:
        """Show transfers, one a line."""
        table = self._table("number", "state", "sender", "new_owner", "asked", "answer_by", "id")
        for transfer in map(harmless, transfers):
            due = transfer.respond_by if transfer.state.is_open else None
            table.add_row(
                transfer.record_number or "",
                self._state(transfer),
                transfer.owner or "",
                transfer.new_owner or "",
                self.instant(transfer.asked_at),
                "" if due is None else self.instant(due),
                str(transfer.id),
            )
        self._print(table)

    def lines(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Show a table of plain words."""
        table = self._table(*columns)
        for row in rows:
            table.add_row(*row)
        self._print(table)

    def facts(self, facts: Mapping[str, str]) -> None:
        """Show what a few names stand for."""
        table = Table(box=None, show_header=False, pad_edge=False)
        for name, value in facts.items():
            table.add_row(Text(name, style="dim"), value)
        self._console.print(table)

    def _transfer_facts(self, transfer: TransferView) -> dict[str, str | None]:
        options = transfer.options
        shown: dict[str, str | None] = {
            "state": self._state(transfer),
            "waits_for": self.words(f"party/{transfer.must_act}") if transfer.state.is_open else None,
            "sender": transfer.owner,
            "new_owner": transfer.new_owner,
            "asked_by": None if transfer.asked_by == transfer.owner else transfer.asked_by,
            "reassigned_by": transfer.reassigned_by,
            "imposed_by": transfer.imposed_by,
            "purpose": None if transfer.purpose is None else self.words(f"purpose/{transfer.purpose}"),
            "asked": self.instant(transfer.asked_at),
            "answer_by": None,
            "decided": None if transfer.decided_at is None else self.instant(transfer.decided_at),
            "reason": transfer.reason,
            "basis_form": self.words(f"basis/{transfer.basis_form}") if transfer.basis_form else None,
            "basis_on": None if transfer.basis_on is None else transfer.basis_on.isoformat(),
            "basis": transfer.basis,
            "message": transfer.message,
            "rule": transfer.failed_rule,
            "stuck": None if transfer.stuck_cause is None else self.words(f"stuck/{transfer.stuck_cause}"),
        }
        if transfer.state.is_open and transfer.respond_by is not None:
            shown["answer_by"] = self.instant(transfer.respond_by, zone=True)
        if options is not None:
            shown["confidential"] = self.words(
                "word/included" if options.include_confidential else "word/excluded"
            )
            shown["raw_data"] = self.words(f"raw_data/{options.raw_data}")
            shown["copy"] = self.words("word/kept" if options.keep_copy else "word/not_kept")
        return shown | {"version": str(transfer.version), "id": str(transfer.id)}

    def _state(self, transfer: TransferView) -> str:
        """Give the state in words; what was imposed never reads as an acceptance (OVR-1)."""
        return self.words("word/imposed" if transfer.imposed_by else f"state/{transfer.state}")

    def outcomes(self, lines: Sequence[ClassLine], *, copy_kept: bool) -> None:
        """Show what would become of how many items, and what that means."""
        table = self._table("outcome", "count", "what", "meaning")
        table.columns[1].justify = "right"
        for outcome, color in OUTCOMES.items():
            found = [line for line in lines if line.outcome == outcome]
            if not found:
                continue
            what = "\n".join(f"{self.words(f'class/{line.item_class}')} ({line.count})" for line in found)
            no_copy = outcome == "kept" and not copy_kept
            table.add_row(
                Text(self.words(f"outcome/{outcome}"), style=f"bold {color}"),
                str(sum(line.count for line in found)),
                what,
                self.words("explain/kept_no_copy" if no_copy else f"explain/{outcome}"),
                end_section=True,
            )
        self._print(table)

    def _status(self, record: RecordView) -> str:
        words = [self.words(f"status/{record.status}")]
        if record.confidential:
            words.append(self.words("word/confidential"))
        if record.open_transfer_id is not None:
            words.append(self.words("word/frozen"))
        return ", ".join(words)

    def _item(self, item: ItemView) -> str:
        named = item.label if item.item_class != "details" else None
        if named is not None and item.item_class == "share":
            named = self.words(f"level/{named}")
        words = [
            self.words(f"item/{item.item_class}"),
            named,
            item.author,
            self.words("word/first_written_by", name=item.first_author) if item.first_author else None,
            self.instant(item.at),
            None if item.state is None else self.words(f"item_state/{item.state}"),
            self.words("word/archived") if item.archived else None,
            str(item.id),
        ]
        return " · ".join(word for word in words if word)

    def heading(self, key: str, /, **params: str | int) -> None:
        """Print what comes next."""
        self._console.print(Text(self.words(key, **params), style="bold"), soft_wrap=True)

    def _facts(self, facts: Mapping[str, str | None]) -> None:
        self.facts({self.words(f"column/{name}"): value for name, value in facts.items() if value})

    def _table(self, *columns: str) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in columns:
            # An id is copied from the screen: it is never folded.
            whole = name in {"id", "number", "address", "outcome", "count"}
            table.add_column(self.words(f"column/{name}"), no_wrap=whole, overflow="fold")
        return table

    def _print(self, table: Table) -> None:
        if table.row_count:
            self._console.print(table)
        else:
            self.say("word/empty")
