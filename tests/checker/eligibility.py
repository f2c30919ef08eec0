"""Who may become responsible: the rules ELIG, as the finished transfers show them."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from tests.checker.base import Rows, rule
from tests.checker.titles import (
    allows_raw_data,
    folded,
    policy_changed_since,
    raw_data_choices_changed_since,
    title_changed_since,
)


@rule("ELIG-3")
def handed_to_somebody_who_cannot_hold(db: sqlite3.Connection) -> Rows:
    """The new owner is another member of the same organization."""
    return db.execute("""
        SELECT t.id FROM transfers t JOIN members m ON m.id = t.to_id
        WHERE t.state <> 'failed' AND (t.to_id = t.from_id OR m.organization_id <> t.organization_id)
    """)


@rule("ELIG-4")
def handed_to_a_restricted_member(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Nobody whom the client's list named at the hand-over, or whose title it named, became the owner."""
    for transfer_id, member_id, at, title, restricted_id, restricted_title in db.execute("""
        SELECT t.id, t.to_id, t.decided_at, m.title, x.member_id, x.title
        FROM transfers t JOIN members m ON m.id = t.to_id
        JOIN record_clients rc ON rc.record_id = t.record_id
        JOIN restrictions x ON x.client_id = rc.client_id AND x.set_at <= t.decided_at
            AND (x.ended_at IS NULL OR x.ended_at > t.decided_at)
        WHERE t.state = 'accepted'
    """).fetchall():
        by_title = restricted_title and folded(restricted_title) == folded(title)
        if restricted_id == member_id or (by_title and not title_changed_since(db, member_id, at)):
            yield transfer_id, member_id


@rule("ELIG-4")
def restriction_ended_by_nobody(db: sqlite3.Connection) -> Rows:
    """A restriction that is ended says who ended it, after it was set, and inside the organization."""
    return db.execute("""
        SELECT x.id FROM restrictions x JOIN clients c ON c.id = x.client_id
        LEFT JOIN members m ON m.id = x.ended_by_id
        WHERE (x.ended_at IS NULL) <> (x.ended_by_id IS NULL) OR x.ended_at < x.set_at
            OR (x.ended_by_id IS NOT NULL AND m.organization_id IS NOT c.organization_id)
    """)


@rule("ELIG-5")
def raw_data_to_a_title_not_on_the_list(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Raw data moved only to a title on the organization's list."""
    for transfer_id, organization_id, to_id, at in db.execute("""
        SELECT DISTINCT h.transfer_id, h.organization_id, h.to_id, h.at FROM handover h
        JOIN manifest m ON m.transfer_id = h.transfer_id
        WHERE m.item_class = 'raw_data' AND m.outcome = 'moved'
    """).fetchall():
        if not raw_data_choices_changed_since(db, organization_id, to_id, at) and not allows_raw_data(
            db, organization_id, to_id
        ):
            yield transfer_id, to_id


@rule("ELIG-2")
def asked_by_a_stranger(db: sqlite3.Connection) -> Rows:
    """A transfer was asked by the record's owner as a practitioner, or by a coordinator."""
    return db.execute("""
        SELECT id FROM transfers
        WHERE asked_role NOT IN ('practitioner', 'coordinator')
            OR (asked_role = 'practitioner') <> (asked_by_id = from_id)
    """)


@rule("ELIG-2")
def from_somebody_else_than_the_owner(db: sqlite3.Connection) -> Rows:
    """An open transfer is from the one who holds the record."""
    return db.execute("""
        SELECT t.id FROM transfers t JOIN holdings h ON h.record_id = t.record_id AND h.state = 'live'
        WHERE t.state IN ('requested', 'pending_acceptance', 'coordinator_override')
            AND h.owner_id <> t.from_id
    """)


@rule("ELIG-6")
def confidential_record_by_a_coordinator(db: sqlite3.Connection) -> Rows:
    """A confidential record moves by its owner's request, or in a bulk that includes such records."""
    return db.execute("""
        SELECT h.transfer_id FROM handover h JOIN transfers t ON t.id = h.transfer_id
        WHERE h.confidential = 1 AND t.asked_role = 'coordinator' AND NOT EXISTS (
            SELECT 1 FROM bulks b WHERE b.id = t.bulk_id AND b.include_confidential_records = 1)
    """)


@rule("ELIG-8")
def without_the_legal_basis(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Where the organization requires a legal basis, an accepted transfer has one, written by who asked."""
    for transfer_id, organization_id, at in db.execute("""
        SELECT t.id, t.organization_id, t.decided_at FROM transfers t
        JOIN policies p ON p.organization_id = t.organization_id
        WHERE t.state = 'accepted' AND p.basis_required = 1 AND t.basis_id IS NULL
    """).fetchall():
        if not policy_changed_since(db, organization_id, at):
            yield transfer_id, at


@rule("ELIG-8")
def text_is_something_else(db: sqlite3.Connection) -> Rows:
    """
    A basis, a message and a reason are texts of that kind; the message by the one who asked (MOVE-9).

    A bulk's texts are those of whoever launched it, whoever led it when it asked.
    """
    return db.execute("""
        SELECT t.id, x.kind FROM transfers t JOIN texts x ON x.id IN (t.basis_id, t.message_id, t.reason_id)
        WHERE (x.id IS t.basis_id AND (x.kind <> 'basis' OR x.author_id NOT IN (
                SELECT t.asked_by_id
                UNION SELECT started_by_id FROM bulks b WHERE b.basis_id = x.id
                UNION SELECT actor_id FROM events WHERE transfer_id = t.id
                AND outcome = 'allowed' AND action IN ('transfer.reassign', 'transfer.impose'))))
            OR (x.id IS t.message_id AND (x.kind <> 'message' OR x.author_id NOT IN (SELECT t.asked_by_id
                UNION SELECT started_by_id FROM bulks b WHERE b.message_id = x.id)))
            OR (x.id IS t.reason_id AND x.kind <> 'reason')
    """)


@rule("ELIG-9")
def coordinator_to_themself(db: sqlite3.Connection) -> Rows:
    """A coordinator receives by a transfer of their own making only where its owner was told of it."""
    return db.execute("""
        SELECT t.id FROM transfers t
        WHERE state <> 'failed' AND ((asked_role = 'coordinator' AND asked_by_id = to_id)
            OR EXISTS (SELECT 1 FROM events e WHERE e.transfer_id = t.id AND e.outcome = 'allowed'
                AND e.action IN ('transfer.reassign', 'transfer.impose') AND e.actor_id = t.to_id))
            AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.transfer_id = t.id
                AND o.kind = 'coordinator_receives' AND o.member_id = t.from_id)
    """)


@rule("ROLE-1")
def without_an_administrator(db: sqlite3.Connection) -> Rows:
    """An organization keeps at least one active administrator."""
    return db.execute("""
        SELECT o.id FROM organizations o WHERE NOT EXISTS (
            SELECT 1 FROM members m JOIN member_roles r ON r.member_id = m.id
            WHERE m.organization_id = o.id AND m.active = 1 AND r.role = 'administrator')
    """)
