"""The receipt of an accepted transfer: what is proven, and where the log says so (AUD-4)."""

from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from engine import proof
from engine.audit.log import Place
from engine.records.seals import Sealed
from engine.records.tables import Receipt


def open_receipt(
    session: Session, organization_id: UUID, transfer_id: UUID, sealed: Sealed, accepted: Place
) -> None:
    """Tie a manifest under seal to the line of its acceptance; from now on nothing is added to the seals."""
    session.execute(
        insert(Receipt).values(
            transfer_id=transfer_id,
            organization_id=organization_id,
            manifest_hash=sealed.manifest_hash,
            lines=sealed.lines,
            annex=sealed.annex,
            record_salt=proof.new_salt(),
            event_seq=accepted.seq,
            event_hash=accepted.hash,
        )
    )
