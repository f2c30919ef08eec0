"""The outbox: who is to be told of what, written in the transaction that causes it (NOTE-1, NOTE-2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Insert, bindparam, exists, insert, literal, select, true
from sqlalchemy.orm import Session

from engine.records.tables.base import table_of
from engine.records.tables.items import Appointment
from engine.records.tables.outbox import HeldCancellation, Notice
from engine.records.tables.people import Client, Member, MemberRole
from engine.records.tables.records import RecordClient
from engine.records.tables.transfers import ManifestLine
from engine.records.types import Id, Instant
from engine.rules.content import ContentClass, Outcome
from engine.states.choices import Role


class NoticeKind(StrEnum):
    """What a notice says; the sentences come from templates."""

    ASKED = "asked"
    REMINDER = "reminder"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"
    NARROWED = "narrowed"
    REASSIGNED = "reassigned"
    IMPOSED = "imposed"
    EXTENDED = "extended"
    COORDINATOR_RECEIVES = "coordinator_receives"
    NEEDS_YOU = "needs_you"
    EMERGENCY = "emergency"
    RESTORED = "restored"
    RECOVERED = "quarantine_recovered"
    COPY_OPENED = "quarantine_opened"
    COPY_CLOSED = "quarantine_closed"
    LOST_ELIGIBILITY = "lost_eligibility"
    NAME_COORDINATOR = "name_coordinator"
    ROLE_GRANTED = "role_granted"
    ROLE_REVOKED = "role_revoked"
    APPOINTMENT_CANCELLED = "appointment_cancelled"
    PRACTITIONER_ANNOUNCED = "practitioner_announced"
    APPOINTMENTS_HELD = "appointments_held"
    APPOINTMENT_OFFERED = "appointment_offered"
    APPOINTMENT_TAKEN = "appointment_taken"
    APPOINTMENT_DECLINED = "appointment_declined"
    APPOINTMENT_RELEASED = "appointment_released"
    BULK_PAUSED = "bulk_paused"
    BULK_FINISHED = "bulk_finished"


#: What asks somebody to act: it is told at once, whatever they chose (NOTE-1).
NEEDS_ACTION: Final = frozenset(
    {
        NoticeKind.ASKED,
        NoticeKind.REMINDER,
        NoticeKind.NEEDS_YOU,
        NoticeKind.EMERGENCY,
        NoticeKind.LOST_ELIGIBILITY,
        NoticeKind.NAME_COORDINATOR,
        NoticeKind.APPOINTMENTS_HELD,
        NoticeKind.APPOINTMENT_OFFERED,
        NoticeKind.APPOINTMENT_DECLINED,
    }
)


@dataclass(frozen=True, slots=True)
class Cause:
    """What a notice comes from: whose organization, which transfer if it is one, which command, when."""

    organization_id: UUID
    transfer_id: UUID | None
    command_id: UUID
    at: datetime


_TELL = insert(table_of(Notice))


def _telling_clients() -> Insert:
    columns: dict[str, Any] = {
        "organization_id": bindparam("the_organization", type_=Id),
        "kind": literal(NoticeKind.APPOINTMENT_CANCELLED.value),
        "cause_id": bindparam("the_command", type_=Id),
        "transfer_id": bindparam("the_transfer", type_=Id),
        "recipient_id": Appointment.client_id,
        "client_id": Appointment.client_id,
        "subject_id": Appointment.item_id,
        "sequence": Appointment.sequence,
        "created_at": bindparam("the_instant", type_=Instant),
    }
    cancelled = (
        select(*columns.values())
        .join(ManifestLine, ManifestLine.item_id == Appointment.item_id)
        .where(
            ManifestLine.transfer_id == bindparam("the_transfer", type_=Id),
            ManifestLine.item_class == ContentClass.UPCOMING_APPOINTMENT,
            ManifestLine.outcome == Outcome.CANCELLED,
            Appointment.client_id.is_not(None),
            ~exists().where(HeldCancellation.appointment_id == Appointment.item_id),
        )
    )
    return insert(table_of(Notice)).from_select(list(columns), cancelled)


_TELL_CLIENTS = _telling_clients()


def tell(
    session: Session,
    kind: NoticeKind,
    members: Iterable[UUID],
    cause: Cause,
    *,
    but: UUID | None,
    about: UUID | None = None,
) -> None:
    """Write one notice for each member, once, except who acted; ``about`` the transfer unless it is said."""
    recipients = sorted({member for member in members if member != but})
    if not recipients:
        return
    session.execute(
        _TELL,
        [
            {
                "organization_id": cause.organization_id,
                "kind": kind.value,
                "cause_id": cause.command_id,
                "transfer_id": cause.transfer_id,
                "recipient_id": recipient,
                "member_id": recipient,
                "subject_id": about or cause.transfer_id,
                "created_at": cause.at,
            }
            for recipient in recipients
        ],
    )


def tell_of_bulk(
    session: Session,
    kind: NoticeKind,
    members: Iterable[UUID],
    organization_id: UUID,
    bulk_id: UUID,
    *,
    cause_id: UUID,
    at: datetime,
) -> None:
    """Write one notice about a whole bulk for each member, whatever number of records it has (NOTE-3)."""
    recipients = sorted(set(members))
    if not recipients:
        return
    session.execute(
        insert(Notice),
        [
            {
                "organization_id": organization_id,
                "kind": kind.value,
                "cause_id": cause_id,
                "recipient_id": recipient,
                "member_id": recipient,
                "subject_id": bulk_id,
                "created_at": at,
            }
            for recipient in recipients
        ],
    )


def who_must_decide(session: Session, organization_id: UUID) -> list[UUID]:
    """Give the coordinators, or where there is none the administrators, who are told to name one (ST-1)."""
    for role in (Role.COORDINATOR, Role.ADMINISTRATOR):
        found = in_role(session, organization_id, role)
        if found:
            return found
    return []


def coordinators(session: Session, organization_id: UUID) -> list[UUID]:
    """Give the active coordinators of an organization."""
    return in_role(session, organization_id, Role.COORDINATOR)


def in_role(session: Session, organization_id: UUID, role: Role) -> list[UUID]:
    """Give the active members of an organization in a role."""
    return list(
        session.scalars(
            select(Member.id)
            .join(MemberRole, MemberRole.member_id == Member.id)
            .where(
                Member.organization_id == organization_id,
                Member.active.is_(true()),
                MemberRole.role == role,
            )
        )
    )


def tell_clients(session: Session, cause: Cause) -> None:
    """Write one notice for each appointment that this transfer cancelled, in one statement (NOTE-2)."""
    given = {
        "the_organization": cause.organization_id,
        "the_command": cause.command_id,
        "the_transfer": cause.transfer_id,
        "the_instant": cause.at,
    }
    session.execute(_TELL_CLIENTS, given)


def announce(session: Session, cause: Cause, record_id: UUID, new_owner_id: UUID) -> None:
    """Write one notice for each client of a record who has an address: who is responsible now (NOTE-2)."""
    columns: dict[str, Any] = {
        "organization_id": literal(cause.organization_id, Id),
        "kind": literal(NoticeKind.PRACTITIONER_ANNOUNCED.value),
        "cause_id": literal(cause.command_id, Id),
        "transfer_id": literal(cause.transfer_id, Id),
        "recipient_id": Client.id,
        "client_id": Client.id,
        "subject_id": literal(new_owner_id, Id),
        "created_at": literal(cause.at, Instant),
    }
    clients = (
        select(*columns.values())
        .join(RecordClient, RecordClient.client_id == Client.id)
        .where(RecordClient.record_id == record_id, Client.email.is_not(None), Client.email != "")
    )
    session.execute(insert(Notice).from_select(list(columns), clients))


def tell_client(
    session: Session,
    organization_id: UUID,
    *,
    client_id: UUID,
    appointment_id: UUID,
    sequence: int,
    cause_id: UUID,
    now: datetime,
    transfer_id: UUID | None = None,
) -> None:
    """Write the one notice of an appointment that somebody cancelled by itself (NOTE-2, MOVE-13)."""
    session.execute(
        insert(Notice).values(
            organization_id=organization_id,
            kind=NoticeKind.APPOINTMENT_CANCELLED.value,
            cause_id=cause_id,
            transfer_id=transfer_id,
            recipient_id=client_id,
            client_id=client_id,
            subject_id=appointment_id,
            sequence=sequence,
            created_at=now,
        )
    )
