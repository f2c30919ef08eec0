"""
What a message says: in the reader's language, without content and without a client's name (NOTE-1, NOTE-2).

What a member reads of a transfer is cut to what they may know of it at that moment, as on a screen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from jinja2 import Environment, PackageLoader, select_autoescape
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import pages
from engine.catalogue import label
from engine.errors import NotFound
from engine.notices.calendar import Cancelled
from engine.notices.outbox import NoticeKind
from engine.records import facts, held, reading
from engine.records.tables.base import DeliveryTrouble
from engine.records.tables.items import Appointment
from engine.records.tables.outbox import Delivery, Notice
from engine.records.tables.people import Client, Member, Organization
from engine.records.transfer_views import transfer_view
from engine.views import TransferView

#: How many events one message tells one by one; a whole caseload's are counted.
_TOLD_SINGLY: Final = 20
_LOCALES: Final = {"fr": "fr_CA", "en": "en_CA"}
_TEMPLATES: Final = Environment(
    loader=PackageLoader("engine.notices"),
    autoescape=select_autoescape(("html.j2",)),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message, ready to be put into an envelope."""

    id: UUID
    created_at: datetime
    to: str
    to_name: str
    from_name: str
    reply_to: str | None
    language: str
    subject: str
    text: str
    html: str
    #: For the reader's calendar.
    cancelled: Cancelled | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event in a message: what happened, and what to do about it."""

    sentence: str
    to_do: str
    #: Where it can be looked at, which gives nobody a right.
    link: str | None = None


class Undeliverable(Exception):
    """There is nobody to send it to."""

    def __init__(self, trouble: DeliveryTrouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


def write_letter(session: Session, delivery_id: UUID, now: datetime, *, address: str | None) -> Letter:
    """
    Write a message as it reads now.

    Args:
        session: One reading transaction.
        delivery_id: The message.
        now: What "may know at that moment" is judged by.
        address: Of the pages that people open, such as ``https://passation.example``; ``None`` for no links.

    Raises ``Undeliverable``.
    """
    delivery = session.get_one(Delivery, delivery_id)
    organization = session.get_one(Organization, delivery.organization_id)
    notices = session.scalars(
        select(Notice).where(Notice.delivery_id == delivery_id).order_by(Notice.id)
    ).all()
    if delivery.client_id is not None:
        if notices[0].kind == NoticeKind.PRACTITIONER_ANNOUNCED:
            return _announcement(session, delivery, organization, notices)
        return _to_client(session, delivery, organization, notices[0])
    member = session.get_one(Member, delivery.member_id)
    if not member.active:
        raise Undeliverable(DeliveryTrouble.INACTIVE)
    told = [_told(session, member, organization, notice, now, address) for notice in notices[:_TOLD_SINGLY]]
    kinds = {notice.kind for notice in notices}
    single = notices[0].kind if len(kinds) == 1 else "several"
    subject = label(f"mail_subject/{single}", member.language)
    return _letter(
        delivery,
        organization,
        to=member.email,
        name=f"{member.first_name} {member.last_name}",
        language=member.language,
        subject=subject,
        told=told,
        more=len(notices) - len(told),
        footer="mail_word/footer",
    )


def _to_client(session: Session, delivery: Delivery, organization: Organization, notice: Notice) -> Letter:
    client = session.get_one(Client, delivery.client_id)
    if not client.email:
        raise Undeliverable(DeliveryTrouble.NO_ADDRESS)
    appointment = session.get_one(Appointment, notice.subject_id)
    starts = appointment.starts_at.astimezone(ZoneInfo(organization.time_zone))
    when = _day(starts.date(), client.language)
    clock = format_datetime(
        starts, "H:mm" if client.language == "en" else "H 'h' mm", locale=_LOCALES[client.language]
    )
    words = {"organization": organization.name, "day": when, "clock": clock}
    told = Told(
        sentence=label("mail/appointment_cancelled", client.language, **words),
        to_do=label("mail_next/appointment_cancelled", client.language, **words),
    )
    return _letter(
        delivery,
        organization,
        to=client.email,
        name=client.name,
        language=client.language,
        subject=label("mail_subject/appointment_cancelled", client.language, **words),
        told=[told],
        more=0,
        footer="mail_word/client_footer",
        cancelled=Cancelled(
            appointment_id=held.calendar_id(session, appointment.item_id),
            sequence=notice.sequence or 0,
            starts_at=appointment.starts_at,
            ends_at=appointment.ends_at,
            cancelled_at=notice.created_at,
            summary=label("mail_word/appointment", client.language, **words),
        ),
    )


def _announcement(
    session: Session, delivery: Delivery, organization: Organization, notices: Sequence[Notice]
) -> Letter:
    """Tell a client who is responsible for them from now on: a name, and nothing else (NOTE-2)."""
    client = session.get_one(Client, delivery.client_id)
    if not client.email:
        raise Undeliverable(DeliveryTrouble.NO_ADDRESS)
    language, words = client.language, {"organization": organization.name}
    names = reading.names_of(session, [notice.subject_id for notice in notices])
    return _letter(
        delivery,
        organization,
        to=client.email,
        name=client.name,
        language=language,
        subject=label("mail_subject/practitioner_announced", language, **words),
        told=[
            Told(
                sentence=label("mail/practitioner_announced", language, practitioner=name, **words),
                to_do=label("mail_next/practitioner_announced", language, **words),
            )
            for name in dict.fromkeys(names[notice.subject_id] for notice in notices)
        ],
        more=0,
        footer="mail_word/client_footer",
    )


def _letter(  # noqa: PLR0913 - what a message consists of
    delivery: Delivery,
    organization: Organization,
    *,
    to: str,
    name: str,
    language: str,
    subject: str,
    told: Sequence[Told],
    more: int,
    footer: str,
    cancelled: Cancelled | None = None,
) -> Letter:
    page = {
        "language": language,
        "subject": subject,
        "greeting": label("mail_word/greeting", language, name=name),
        "told": told,
        "more": label("mail_word/more", language, count=more) if more else None,
        "organization": organization.name,
        "open": label("mail_word/open", language),
        "footer": label(footer, language, organization=organization.name),
    }
    return Letter(
        id=delivery.id,
        created_at=delivery.created_at,
        to=to,
        to_name=name,
        from_name=organization.name,
        reply_to=organization.reply_to,
        language=language,
        subject=subject,
        text=_TEMPLATES.get_template("letter.txt.j2").render(page),
        html=_TEMPLATES.get_template("letter.html.j2").render(page),
        cancelled=cancelled,
    )


def _told(
    session: Session,
    member: Member,
    organization: Organization,
    notice: Notice,
    now: datetime,
    address: str | None,
) -> Told:
    view = _view(session, member, notice, now)
    about = reading.names_of(session, [notice.subject_id]).get(notice.subject_id)
    words = _words(view, member.language, organization) | {
        "member": about or label("mail_word/somebody", member.language)
    }
    page = _page(notice, view)
    return Told(
        sentence=label(f"mail/{notice.kind}", member.language, **words),
        to_do=label(f"mail_next/{notice.kind}", member.language, **words),
        link=None if address is None or page is None else address + page,
    )


def _page(notice: Notice, view: TransferView | None) -> str | None:
    """Say on which page the reader finds what a notice is about; ``None`` where they may know of none."""
    match notice.kind:
        case NoticeKind.APPOINTMENTS_HELD | NoticeKind.APPOINTMENT_OFFERED | NoticeKind.APPOINTMENT_DECLINED:
            return pages.NEEDS_YOU
        case NoticeKind.BULK_PAUSED | NoticeKind.BULK_FINISHED:
            return pages.bulk(notice.subject_id)
        case NoticeKind.NAME_COORDINATOR:
            return pages.NEEDS_YOU
        case _:
            return None if view is None else pages.transfer(view.id)


def _view(session: Session, member: Member, notice: Notice, now: datetime) -> TransferView | None:
    """Show the transfer as the reader may know it now; somebody who no longer may learns nothing of it."""
    actor = facts.member(session, member.id)
    if notice.transfer_id is None or actor is None:
        return None
    try:
        return transfer_view(session, actor, notice.transfer_id, now)
    except NotFound:
        return None


def _words(view: TransferView | None, language: str, organization: Organization) -> dict[str, str]:
    number = view.record_number if view is not None else None
    record = "mail_word/record" if number is None else "mail_word/record_numbered"
    somebody = label("mail_word/somebody", language)
    due = None if view is None else view.respond_by
    zone = ZoneInfo(organization.time_zone)
    return {
        "record": label(record, language, number=number or ""),
        "owner": (view.owner if view is not None else None) or somebody,
        "new_owner": (view.new_owner if view is not None else None) or somebody,
        "asked_by": (view.asked_by if view is not None else None) or somebody,
        "due": label("mail_word/soon", language)
        if due is None
        else _day(due.astimezone(zone).date(), language),
        "organization": organization.name,
    }


def _day(day: date, language: str) -> str:
    written = format_date(day, "EEEE d MMMM y", locale=_LOCALES[language])
    # The first of a month is the only one that French counts so.
    return written.replace(" 1 ", " 1er ", 1) if language == "fr" else written
