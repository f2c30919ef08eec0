"""Overlay an imported record with invented things, so that there is something of every class to try."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine.records import facts, imported, importing, people, shares, writing
from engine.records.imported import INVENTED, Key, Line
from engine.records.importing import Person, Thing
from engine.records.tables.base import Became
from engine.records.tables.records import Holding
from engine.rules import writing as rules
from engine.rules.content import ContentClass
from engine.rules.facts import MemberFacts, RecordFacts, RecordStatus
from engine.rules.writing import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class InventedShare:
    """A share with an invented colleague."""

    source: Key
    colleague: Key
    access: Access


@dataclass(frozen=True, slots=True, kw_only=True)
class InventedRestriction:
    """Whom the client does not want: an invented colleague, or a title."""

    source: Key
    colleague: Key | None
    title: str | None
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What is invented for one patient's record; the same for a seed, wherever it is written."""

    source: str
    patient: Key
    colleagues: Sequence[Person]
    shares: Sequence[InventedShare]
    restrictions: Sequence[InventedRestriction]
    things: Sequence[Thing]

    @property
    def mark(self) -> Key:
        """What `imported` knows an overlaid record by: once overlaid, never again."""
        return INVENTED, self.patient[1]


def is_enriched(session: Session, organization_id: UUID, overlay: Overlay) -> bool:
    """Say whether a patient's record was overlaid before, by whatever seed."""
    return bool(imported.known(session, organization_id, overlay.source, [overlay.mark]))


def is_as_imported(session: Session, record: RecordFacts) -> bool:
    """Say whether a record is still where the import left it: active, not asked for, never handed over."""
    holdings = session.scalar(select(func.count()).where(Holding.record_id == record.id))
    return (
        record.status is RecordStatus.ACTIVE
        and record.open_transfer_id is None
        and record.owner_active
        and holdings == 1
    )


def add_colleagues(
    session: Session, organization_id: UUID, overlay: Overlay, now: datetime
) -> tuple[dict[Key, UUID], list[UUID]]:
    """Give the invented colleagues by key, and which of them are new here."""
    found, new = {}, []
    for person in overlay.colleagues:
        member_id, is_new = importing.add_person(session, organization_id, overlay.source, person, now)
        found[person.key] = member_id
        if is_new:
            new.append(member_id)
    return found, new


def write_overlay(
    session: Session, record_id: UUID, overlay: Overlay, colleagues: Mapping[Key, UUID], now: datetime
) -> Counter[str]:
    """
    Write what was invented, each person judged as if they had written it; give counts by class.

    Raises ``Denied`` where somebody may not write there.
    """
    holding = writing.live_holding(session, record_id)
    clients = people.clients_of(session, record_id)
    lines: list[Line] = [(overlay.mark, None, Became.RECORD, record_id)]
    counts: Counter[str] = Counter()
    owner, record = _as(session, holding.owner_id, record_id)
    rules.check_write(owner, record)
    for share in overlay.shares:
        member_id = colleagues[share.colleague]
        rules.check_share(owner, record, shares.current(session, record_id, member_id), share.access)
        share_id = shares.change(session, record, member_id, share.access, now)
        assert share_id is not None  # noqa: S101 - for the type checker
        lines.append((share.source, None, Became.SHARE, share_id))
        counts[ContentClass.SHARE.value] += 1
    for author in {thing.author for thing in overlay.things if thing.author is not None}:
        rules.check_write(*_as(session, colleagues[author], record_id))
    for restriction in overlay.restrictions:
        rules.check_restrict(owner, record)
        restriction_id = people.restrict(
            session,
            clients[0].id,
            member_id=None if restriction.colleague is None else colleagues[restriction.colleague],
            title=restriction.title,
            set_by_id=owner.id,
            basis=restriction.basis,
            now=now,
        )
        lines.append((restriction.source, None, Became.RESTRICTION, restriction_id))
        counts[Became.RESTRICTION.value] += 1
    imported.remember(session, holding.organization_id, overlay.source, now, record_id, lines)
    return counts + importing.write_things(
        session, holding, overlay.source, overlay.things, colleagues, client_id=clients[0].id, now=now
    )


def _as(session: Session, member_id: UUID, record_id: UUID) -> tuple[MemberFacts, RecordFacts]:
    member, record = facts.member(session, member_id), facts.record(session, record_id, member_id)
    assert member is not None  # noqa: S101 - for the type checker
    assert record is not None  # noqa: S101 - for the type checker
    return member, record
