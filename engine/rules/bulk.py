"""A caseload's transfer before it is launched: what was chosen, what would become of each record (BULK-2)."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from operator import attrgetter
from typing import Any, Literal
from uuid import UUID

import rfc8785

from engine.errors import Denied, NotFound
from engine.rules.content import UNCOUNTED, ContentClass, Outcome
from engine.rules.facts import MemberFacts
from engine.states.choices import Options

#: What a launch would be sorry to learn too late; what moves is not among it (BULK-2).
_LOST = frozenset({Outcome.WITHHELD, Outcome.DELETED, Outcome.CANCELLED})
#: What the sweep destroys once its time has come (MOVE-6).
_DESTROYED_LATER = frozenset({Outcome.WITHHELD, Outcome.DELETED})

#: Why a recipient refuses a launch; a file may also name somebody who was not named before it.
RefusedRecipient = Literal[
    "recipient_unknown", "recipient_inactive", "recipient_is_source", "recipient_not_named"
]
Counts = Mapping[tuple[ContentClass, Outcome], int]


class Split(StrEnum):
    """How a caseload is divided over its recipients (BULK-1); evenly over one is all to that one."""

    EVEN = "even"
    LISTED = "listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of a file: a record by number or id, and for a split who is to have it, by address."""

    line: int
    record: str
    to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkChoice:
    """
    What a coordinator chose, as they named it.

    ``listed`` is the selection where there is one; with ``Split.LISTED`` each of its lines names a recipient.
    """

    from_id: UUID
    #: In the order in which they were named; may be empty where a file names the recipients.
    to_ids: tuple[UUID, ...] = ()
    split: Split = Split.EVEN
    listed: tuple[Listed, ...] | None = None
    include_confidential_records: bool = False
    #: Reassign the open transfers that the caseload meets, with their own options (OVR-3).
    reassign_open: bool = False
    #: Ask also recipients who take no new records (ELIG-3).
    insist: bool = False
    #: Hand each record over at once, without an answer (OVR-1).
    impose: bool = False
    options: Options = field(default_factory=Options)
    #: Whether a legal basis comes with the launch (ELIG-8); a preview does not ask for it.
    has_basis: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkLine:
    """What would become of one record: who would have it, or which rule stops it."""

    record_id: UUID
    #: Hidden of a confidential record, unless the one who asks is its owner (VIS-2).
    number: str | None
    confidential: bool
    #: Nobody's where no recipient of several may have it; a blocked line of a single recipient keeps them.
    to_id: UUID | None
    #: The rule that stops this record, as an error key; ``None`` where a transfer would be asked for.
    blocked: str | None
    #: The recipients who may not have it, each with the rule, in the order of the recipients.
    blocks: tuple[tuple[UUID, str], ...]
    #: The transfer that is open already: left alone, unless it is to be reassigned (OVR-3).
    open_transfer_id: UUID | None
    reassigns: bool
    #: The choice's, or of an open transfer its own.
    options: Options
    #: Whether a copy stays with the source: by choice, or by a rule (MOVE-8, MOVE-11).
    copy_kept: bool
    #: By class and outcome, without what is its author's alone (VIS-6); empty for a blocked line.
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientLoad:
    """How much a recipient has, and how much this caseload would add."""

    member_id: UUID
    #: Active records, and records that they are being asked to take over.
    active: int
    asked: int
    #: Lines of this plan that would be asked of them.
    added: int

    @property
    def before(self) -> int:
        """Active records and records being asked for (BULK-1)."""
        return self.active + self.asked

    @property
    def after(self) -> int:
        """The same, once this caseload is asked for."""
        return self.before + self.added


@dataclass(frozen=True, kw_only=True)
class BulkPlan:
    """A whole caseload's preview: the lines in order of number, those without a number last."""

    organization_id: UUID
    choice: BulkChoice
    recipients: tuple[RecipientLoad, ...]
    lines: tuple[BulkLine, ...]
    #: Confidential active records of the source that this plan leaves out: one bare count (BULK-2).
    confidential_left_out: int
    #: Other active records of the source that the selection leaves out.
    not_selected: int

    @cached_property
    def going(self) -> Sequence[BulkLine]:
        """The lines for which a transfer would be asked."""
        return [line for line in self.lines if line.blocked is None]

    @cached_property
    def blocked(self) -> Sequence[BulkLine]:
        """The lines that a rule stops."""
        return [line for line in self.lines if line.blocked is not None]

    @cached_property
    def totals(self) -> Counts:
        """What would become of every item, by class and outcome."""
        return total(line.counts for line in self.lines)


def total(counts: Iterable[Counts]) -> Counts:
    """Add counts up."""
    added: Counter[tuple[ContentClass, Outcome]] = Counter()
    for one in counts:
        added.update(one)
    return dict(added)


def destroyed_later(counts: Counts) -> dict[ContentClass, int]:
    """Count by class what a sweep destroys once grace and retention are over (MOVE-6)."""
    found: Counter[ContentClass] = Counter()
    for (item_class, outcome), count in counts.items():
        if outcome in _DESTROYED_LATER:
            found[item_class] += count
    return dict(found)


def counted(items: Mapping[ContentClass, int], outcomes: Mapping[ContentClass, Outcome]) -> Counts:
    """Say what becomes of how many items; empty classes and what is its author's alone are left out."""
    return {
        (item_class, outcomes[item_class]): count
        for item_class, count in items.items()
        if count and item_class not in UNCOUNTED
    }


def check_source(actor: MemberFacts, source: MemberFacts | None) -> MemberFacts:
    """Judge whose caseload it is: a member's of the same organization, active or not. Raises ``NotFound``."""
    if source is None or source.organization_id != actor.organization_id:
        raise NotFound("colleague")
    return source


def check_recipients(source: MemberFacts, recipients: Iterable[MemberFacts | None]) -> None:
    """Judge what of a recipient refuses a launch whole; anything else blocks lines. Raises ``Denied``."""
    for recipient in recipients:
        refused = refused_recipient(source, recipient)
        if refused is not None:
            raise Denied("BULK-1", refused)


def refused_recipient(source: MemberFacts, recipient: MemberFacts | None) -> RefusedRecipient | None:
    """
    Say why a caseload's transfer to this person cannot be launched, if so (BULK-1).

    A member of another organization reads as an unknown one (VIS-8).
    """
    if recipient is None or recipient.organization_id != source.organization_id:
        return "recipient_unknown"
    if not recipient.active:
        return "recipient_inactive"
    return "recipient_is_source" if recipient.id == source.id else None


def fingerprint(plan: BulkPlan) -> str:
    """Give the SHA-256 of what a launch must not find changed, over canonical JSON (BULK-2)."""
    choice = plan.choice
    told: dict[str, Any] = {
        "from": str(choice.from_id),
        "to": sorted(str(load.member_id) for load in plan.recipients),
        "options": _options(choice.options),
        "confidential": choice.include_confidential_records,
        "reassign": choice.reassign_open,
        "lines": [_told(line, choice.options) for line in sorted(plan.lines, key=attrgetter("record_id"))],
    }
    if choice.impose:
        told["impose"] = True
    return hashlib.sha256(rfc8785.dumps(told)).hexdigest()


def check(plan: BulkPlan, carried: str | None) -> None:
    """Deny a launch whose preview no longer holds; one that carries no fingerprint has made none (BULK-2)."""
    if carried is not None and carried.strip().lower() != fingerprint(plan):
        raise Denied("BULK-2", "changed")


def _told(line: BulkLine, chosen: Options) -> dict[str, Any]:
    said: dict[str, Any] = {"record": str(line.record_id)}
    if line.to_id is not None:
        said["to"] = str(line.to_id)
    if line.blocked is not None:
        said["blocked"] = line.blocked
    if line.reassigns:
        said["reassigns"] = str(line.open_transfer_id)
    if line.options != chosen:
        said["options"] = _options(line.options)
    lost: dict[str, dict[str, int]] = {}
    for (item_class, outcome), count in line.counts.items():
        if outcome in _LOST:
            lost.setdefault(outcome.value, {})[item_class.value] = count
    return said | lost


def _options(options: Options) -> list[Any]:
    return [options.include_confidential, options.raw_data.value, options.keep_copy]
