"""What every check uses: how a rule is stated on data, and the views that most of them select from."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

Rows = Iterable[tuple[Any, ...]]


class Violation(NamedTuple):
    """A rule that the data break: its id, and which rows break it (ids and words, never content)."""

    rule: str
    detail: str


class Check(NamedTuple):
    """One statement about the data; every row that it selects breaks the rule."""

    rule: str
    select: Callable[[sqlite3.Connection], Rows]

    def run(self, db: sqlite3.Connection) -> Iterator[Violation]:
        """Name the rule for each row."""
        name = getattr(self.select, "__name__", "check")
        for row in self.select(db):
            yield Violation(self.rule, f"{name}: {' '.join(str(value) for value in row)}")


CHECKS: list[Check] = []
_Select = Callable[[sqlite3.Connection], Rows]


def rule(rule_id: str) -> Callable[[_Select], _Select]:
    """Register a function that selects what breaks a rule of the domain."""

    def register(select: _Select) -> _Select:
        CHECKS.append(Check(rule_id, select))
        return select

    return register


def connect(file: Path) -> sqlite3.Connection:
    """Open one snapshot of a database, which may be in use, and describe it with temporary views."""
    db = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=30)
    for view in _VIEWS:
        db.execute(view)
    db.execute("BEGIN")
    return db


#: The classes of what has content, restated; an appointment's class depends on the instant of the hand-over.
_VIEWS = (
    """
    CREATE TEMP VIEW item AS
    SELECT 'notes' AS kind, holding_id, item_id, organization_id, created_at, author_id, sha256, signed_at,
        author_only, confidential, state, '' AS label,
        CASE WHEN author_only = 1 THEN 'collaborator_confidential'
            WHEN confidential = 1 THEN 'confidential_note'
            WHEN state IN ('draft', 'set_aside') THEN 'draft_note' ELSE 'note' END AS class
        FROM notes
    UNION ALL
    SELECT 'documents', holding_id, item_id, organization_id, created_at, author_id, sha256, NULL,
        author_only, confidential, NULL, name || ' ' || media_type,
        CASE WHEN author_only = 1 THEN 'collaborator_confidential'
            WHEN confidential = 1 THEN 'confidential_document' ELSE 'document' END
        FROM documents
    UNION ALL
    SELECT 'raw_data', holding_id, item_id, organization_id, created_at, author_id, sha256, NULL, 0, 0, NULL,
        name || ' ' || media_type, 'raw_data' FROM raw_data
    UNION ALL
    SELECT 'profiles', holding_id, item_id, organization_id, created_at, author_id, sha256, NULL, 0, 0, NULL,
        name || ' ' || relationship, 'profile' FROM profiles
    UNION ALL
    SELECT 'tasks', holding_id, item_id, organization_id, created_at, author_id, sha256, NULL, 0, 0, NULL, '',
        'task' FROM tasks
    UNION ALL
    SELECT 'memos', holding_id, item_id, organization_id, created_at, author_id, sha256, NULL, 0, 0, NULL, '',
        'memo' FROM memos
    UNION ALL
    SELECT 'invoices', holding_id, item_id, organization_id, created_at, NULL, NULL, NULL, 0, 0, NULL, number,
        'invoice' FROM invoices
    """,
    """
    CREATE TEMP VIEW recovered AS
    SELECT h.* FROM holdings h WHERE h.closed_by_id IS NULL AND h.state <> 'live'
        AND EXISTS (SELECT 1 FROM restorations r WHERE r.holding_id = h.id)
    """,
    """
    CREATE TEMP VIEW handover AS
    SELECT t.id AS transfer_id, t.record_id, t.organization_id, t.from_id, t.to_id, t.decided_at AS at,
        t.include_confidential, t.raw_data, t.keep_copy,
        EXISTS (SELECT 1 FROM holds k WHERE k.record_id = t.record_id
            AND NOT EXISTS (SELECT 1 FROM events e JOIN events a ON a.organization_id = e.organization_id
                WHERE a.transfer_id = t.id AND a.state_to = 'accepted' AND e.record_id = t.record_id
                AND e.outcome = 'allowed' AND (
                    (e.action = 'record.release' AND e.at = k.released_at AND e.seq < a.seq)
                    OR (e.action = 'record.hold' AND e.at = k.set_at AND e.seq > a.seq)))) AS legal_hold,
        old.id AS old_id, old.state AS old_state, old.confidential, new.id AS new_id
    FROM transfers t
    JOIN records r ON r.id = t.record_id
    JOIN holdings old ON old.closed_by_id = t.id
    JOIN holdings new ON new.record_id = t.record_id AND new.owner_id = t.to_id AND new.id <> old.id
        AND new.from_at = t.decided_at
    WHERE t.state = 'accepted'
    """,
)
