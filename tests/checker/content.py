"""Content and the wall: bytes are what their digest says, and nothing refers across organizations (VIS-8)."""

import hashlib
import sqlite3
from collections.abc import Iterator
from typing import Any

from tests.checker.base import Rows, rule


@rule("MOVE-5")
def bytes_do_not_match_digest(db: sqlite3.Connection) -> Rows:
    """The bytes of all content, read again, have the digest that they are kept under."""
    for organization_id, sha256, body in db.execute("SELECT organization_id, sha256, body FROM content"):
        if hashlib.sha256(body).hexdigest() != sha256:
            yield organization_id, sha256


@rule("MOVE-5")
def content_is_missing(db: sqlite3.Connection) -> Rows:
    """Every item of an undestroyed holding has its bytes, in its own organization."""
    return db.execute("""
        SELECT i.holding_id, i.item_id FROM item i JOIN holdings h ON h.id = i.holding_id
        WHERE i.sha256 IS NOT NULL AND h.state <> 'destroyed' AND NOT EXISTS
            (SELECT 1 FROM content c WHERE c.organization_id = i.organization_id AND c.sha256 = i.sha256)
    """)


@rule("MOVE-5")
def refers_to_nothing(db: sqlite3.Connection) -> Rows:
    """No reference leads nowhere."""
    return db.execute('SELECT "table", rowid, parent FROM pragma_foreign_key_check')


@rule("VIS-5")
def signed_note_differs(db: sqlite3.Connection) -> Rows:
    """A signed note has the same author, date, signature and text in every holding."""
    return db.execute("""
        SELECT a.item_id, a.holding_id, b.holding_id FROM notes a
        JOIN notes b ON b.item_id = a.item_id AND b.holding_id > a.holding_id
        WHERE a.state = 'signed' AND b.state = 'signed' AND (a.author_id <> b.author_id
            OR a.created_at <> b.created_at OR a.signed_at IS NOT b.signed_at OR a.sha256 <> b.sha256)
    """)


@rule("VIS-5")
def signed_without_instant(db: sqlite3.Connection) -> Rows:
    """A note has an instant of signature if, and only if, its author signed it, be it approved yet or not."""
    return db.execute("""
        SELECT holding_id, item_id FROM notes
        WHERE (state IN ('signed', 'waiting_approval')) <> (signed_at IS NOT NULL)
    """)


#: What refers to what, each pair inside one organization: selects an id where it is not.
_WALLS = {
    "item and holding": """
        SELECT i.item_id FROM item i JOIN holdings h ON h.id = i.holding_id
        WHERE h.organization_id <> i.organization_id""",
    "item and author": """
        SELECT i.item_id FROM item i JOIN members m ON m.id = i.author_id
        WHERE m.organization_id <> i.organization_id""",
    "holding and record": """
        SELECT h.id FROM holdings h JOIN records r ON r.id = h.record_id
        WHERE h.organization_id <> r.organization_id""",
    "holding and owner": """
        SELECT h.id FROM holdings h JOIN members m ON m.id = h.owner_id
        WHERE h.organization_id <> m.organization_id""",
    "record and client": """
        SELECT r.id FROM records r JOIN record_clients rc ON rc.record_id = r.id
        JOIN clients c ON c.id = rc.client_id WHERE c.organization_id <> r.organization_id""",
    "share and member": """
        SELECT s.id FROM shares s JOIN records r ON r.id = s.record_id JOIN members m ON m.id = s.member_id
        WHERE m.organization_id <> r.organization_id""",
    "restriction": """
        SELECT x.id FROM restrictions x JOIN clients c ON c.id = x.client_id
        JOIN members m ON m.id IN (x.member_id, x.set_by_id) WHERE m.organization_id <> c.organization_id""",
    "appointment": """
        SELECT a.item_id FROM appointments a JOIN records r ON r.id = a.record_id
        JOIN members m ON m.id = a.practitioner_id LEFT JOIN clients c ON c.id = a.client_id
        LEFT JOIN holdings h ON h.id = a.holding_id
        WHERE r.organization_id <> a.organization_id OR m.organization_id <> a.organization_id
            OR c.organization_id <> a.organization_id OR h.record_id <> a.record_id""",
    "transfer and record": """
        SELECT t.id FROM transfers t JOIN records r ON r.id = t.record_id
        WHERE t.organization_id <> r.organization_id""",
    "transfer and parties": """
        SELECT t.id FROM transfers t
        JOIN members m ON m.id IN (t.from_id, t.to_id, t.asked_by_id, t.decided_by_id)
        WHERE t.organization_id <> m.organization_id""",
    "transfer and texts": """
        SELECT t.id FROM transfers t JOIN texts x ON x.id IN (t.basis_id, t.message_id, t.reason_id)
        WHERE t.organization_id <> x.organization_id""",
    "text and author": """
        SELECT x.id FROM texts x JOIN members m ON m.id = x.author_id
        WHERE x.organization_id <> m.organization_id""",
    "notice": """
        SELECT o.id FROM outbox o JOIN transfers t ON t.id = o.transfer_id
        LEFT JOIN members m ON m.id = o.member_id LEFT JOIN clients c ON c.id = o.client_id
        WHERE t.organization_id <> o.organization_id OR m.organization_id <> o.organization_id
            OR c.organization_id <> o.organization_id""",
    "event and actor": """
        SELECT e.seq FROM events e JOIN members m ON m.id = e.actor_id
        WHERE m.organization_id <> e.organization_id""",
    "allowed event and transfer": """
        SELECT e.seq FROM events e JOIN transfers t ON t.id = e.transfer_id
        WHERE t.organization_id <> e.organization_id AND e.outcome = 'allowed'""",
}


@rule("VIS-8")
def crosses_the_wall(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Nothing refers to anything of another organization."""
    for what, query in _WALLS.items():
        for row in db.execute(query):
            yield what, *row


@rule("VIS-8")
def used_from_another_organization(db: sqlite3.Connection) -> Rows:
    """Content is kept by the organization of the items that have it, not borrowed."""
    return db.execute("""
        SELECT i.item_id FROM item i WHERE i.sha256 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM content c
            WHERE c.organization_id = i.organization_id AND c.sha256 = i.sha256)
        AND EXISTS (SELECT 1 FROM content c WHERE c.sha256 = i.sha256)
    """)
