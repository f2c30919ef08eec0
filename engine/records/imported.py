"""What resources of another system became: asked before each import, never forgotten (MOVE-6)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, insert, null, or_, select, tuple_, update
from sqlalchemy.orm import Session, aliased

from engine.records.tables.base import Became
from engine.records.tables.importing import Imported
from engine.records.tables.items import Appointment, Document, Invoice, Memo, Note, Profile, RawDatum, Task
from engine.records.tables.records import Holding

#: How many rows one statement writes or asks for.
_AT_ONCE: Final = 500
#: A resource of the other system: its type and its id there.
Key = tuple[str, str]
#: Type and id, digest, what it became, and its id here.
Line = tuple[Key, str | None, Became, UUID]
#: A type that FHIR does not have: what was invented here, for trials, and came from nowhere (docs/import.md).
INVENTED: Final = "x-invented"
_T = TypeVar("_T")

MODELS: Final[dict[Became, type[Any]]] = {
    Became.NOTE: Note,
    Became.DOCUMENT: Document,
    Became.RAW_DATA: RawDatum,
    Became.PROFILE: Profile,
    Became.INVOICE: Invoice,
    Became.TASK: Task,
    Became.MEMO: Memo,
    Became.APPOINTMENT: Appointment,
}


def known(
    session: Session, organization_id: UUID, source: str, keys: Iterable[Key]
) -> dict[Key, tuple[str | None, frozenset[Became]]]:
    """
    Say which resources were imported before, with their digest then and what they became.

    The digest is dropped where something of the resource was destroyed since; that it came stays known.
    """
    found: dict[Key, tuple[str | None, frozenset[Became]]] = {}
    wanted = iter(sorted(set(keys)))
    while some := list(islice(wanted, _AT_ONCE)):
        rows = session.execute(
            select(Imported.resource_type, Imported.resource_id, Imported.sha256, Imported.became).where(
                Imported.organization_id == organization_id,
                Imported.source == source,
                tuple_(Imported.resource_type, Imported.resource_id).in_(some),
            )
        )
        for kind, resource_id, sha256, became in rows:
            before = found.get((kind, resource_id), (sha256, frozenset()))
            found[kind, resource_id] = (before[0] or sha256, before[1] | {became})
    return found


def became(session: Session, organization_id: UUID, source: str, key: Key, what: Became) -> UUID | None:
    """Find the one thing of a kind that a resource became: a member, a record."""
    return session.scalar(
        select(Imported.became_id).where(
            Imported.organization_id == organization_id,
            Imported.source == source,
            Imported.resource_type == key[0],
            Imported.resource_id == key[1],
            Imported.became == what,
        )
    )


def is_of_import(member_id: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a column
    """Say in a query that a member is an imported practitioner already."""
    return exists().where(Imported.became == Became.MEMBER, Imported.became_id == member_id)


def remember(
    session: Session,
    organization_id: UUID,
    source: str,
    now: datetime,
    record_id: UUID | None,
    lines: Sequence[Line],
) -> None:
    """Write what resources became."""
    rows = [
        {
            "organization_id": organization_id,
            "source": source,
            "resource_type": kind,
            "resource_id": resource_id,
            "became": what,
            "became_id": became_id,
            "record_id": record_id,
            "sha256": sha256,
            "imported_at": now,
        }
        for (kind, resource_id), sha256, what, became_id in lines
    ]
    for some in in_turns(rows):
        session.execute(insert(Imported), some)


def forget(session: Session, record_id: UUID) -> None:
    """
    Drop the digests of a record's resources of which something was destroyed (MOVE-6, AUD-4).

    Little of a resource is unknown to whoever reads its id in the same row: its digest would tell a guess
    from the truth after the content is gone. The row itself stays, so that an import does not bring it back.
    """
    gone = aliased(Imported)
    nowhere = [and_(gone.became == word, ~_somewhere(model, gone)) for word, model in MODELS.items()]
    session.execute(
        update(Imported)
        .where(
            Imported.record_id == record_id,
            Imported.sha256.is_not(None),
            exists().where(
                gone.record_id == Imported.record_id,
                gone.organization_id == Imported.organization_id,
                gone.source == Imported.source,
                gone.resource_type == Imported.resource_type,
                gone.resource_id == Imported.resource_id,
                or_(*nowhere),
            ),
        )
        .values(sha256=null())
        .execution_options(synchronize_session=False)
    )


def _somewhere(model: Any, line: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a mapped class, an alias
    """Say that an item is in some holding of its record, or, an appointment, on the record itself."""
    if model is Appointment:
        return exists().where(Appointment.item_id == line.became_id)
    return exists().where(
        model.item_id == line.became_id,
        model.holding_id == Holding.id,
        Holding.record_id == line.record_id,
    )


def in_turns(rows: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Divide rows into as many as one statement takes."""
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]
