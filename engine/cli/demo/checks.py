"""
Is what happened what should have? Plain SQL over the files, which knows nothing of the engine's own rules.

The rules are stated here once more, by hand; a mistake in the engine would have to be made twice.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from engine.cli.demo.caseload import CASELOAD
from engine.cli.demo.receipts import unproven

_DATABASE: Final = "passation.db"
_EXPECTED: Final = "demo.json"
#: Where Temporal remembers, and what our processes say.
_OUTSIDE: Final = ("temporal.db*", "server.log", "worker.log")
#: A clinic of thousands would make thousands of words to search for.
_MOST_WORDS: Final = 40
_GENESIS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Denial:
    """A request that a rule should have denied, leaving nothing but a line in the log."""

    record_id: str
    to_id: str
    rule: str


@dataclass(slots=True)
class Expected:
    """What the demo knows that no table says."""

    marker: str = ""
    #: How each transfer should stand now.
    states: dict[str, str] = field(default_factory=dict)
    denials: list[Denial] = field(default_factory=list)
    #: What a scene saw and should not have.
    surprises: list[str] = field(default_factory=list)
    #: Each record as it was before anybody asked for anything.
    before: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Keep it beside the data, so that a kept demo can be checked again."""
        (folder / _EXPECTED).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what was kept."""
        found = json.loads((folder / _EXPECTED).read_text(encoding="utf-8"))
        return cls(**{**found, "denials": [Denial(**denial) for denial in found["denials"]]})


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: how much it looked at, and what is wrong."""

    key: str
    counted: int
    wrong: list[str]

    @property
    def ok(self) -> bool:
        """Whether it looked at something, and nothing was wrong."""
        return self.counted > 0 and not self.wrong


# What every accepted transfer is about: the holding that it closed, the one that it opened, what was chosen.
_VIEWS: Final = """
CREATE TEMP VIEW handed AS
SELECT t.id AS transfer_id, t.record_id, t.from_id, t.to_id, t.decided_at, r.number,
       old.id AS old_id, old.state AS old_state, new.id AS new_id,
       (t.include_confidential OR old.confidential) AS confidential_moves,
       (t.raw_data <> 'exclude' AND fold(m.title) IN (
            SELECT title FROM raw_data_titles WHERE organization_id = t.organization_id)) AS raw_moves,
       (t.keep_copy OR r.legal_hold OR (t.raw_data = 'if_allowed' AND fold(m.title) NOT IN (
            SELECT title FROM raw_data_titles WHERE organization_id = t.organization_id)
            AND EXISTS (SELECT 1 FROM raw_data AS x WHERE x.holding_id = old.id))) AS copy,
       r.legal_hold
  FROM transfers AS t
  JOIN records AS r ON r.id = t.record_id
  JOIN members AS m ON m.id = t.to_id
  LEFT JOIN holdings AS old ON old.closed_by_id = t.id
  LEFT JOIN holdings AS new ON new.record_id = t.record_id AND new.owner_id = t.to_id
                           AND new.from_at = t.decided_at
 WHERE t.state = 'accepted';

CREATE TEMP VIEW held AS
SELECT holding_id, item_id, sha256, author_id,
       CASE WHEN author_only THEN 'collaborator_confidential' WHEN confidential THEN 'confidential_note'
            WHEN state IN ('draft', 'set_aside') THEN 'draft_note' ELSE 'note' END AS class FROM notes
UNION ALL SELECT holding_id, item_id, sha256, author_id,
       CASE WHEN author_only THEN 'collaborator_confidential' WHEN confidential THEN 'confidential_document'
            ELSE 'document' END FROM documents
UNION ALL SELECT holding_id, item_id, sha256, author_id, 'raw_data' FROM raw_data
UNION ALL SELECT holding_id, item_id, sha256, author_id, 'profile' FROM profiles
UNION ALL SELECT holding_id, item_id, sha256, author_id, 'task' FROM tasks
UNION ALL SELECT holding_id, item_id, sha256, author_id, 'memo' FROM memos
UNION ALL SELECT holding_id, item_id, NULL, NULL, 'invoice' FROM invoices;

CREATE TEMP VIEW owed AS
SELECT h.transfer_id, i.item_id, i.class, i.sha256, i.author_id
  FROM handed AS h JOIN held AS i ON i.holding_id = h.old_id
UNION ALL SELECT transfer_id, old_id, 'details', NULL, from_id FROM handed
UNION ALL SELECT h.transfer_id, a.item_id,
       CASE WHEN a.starts_at > h.decided_at THEN 'upcoming_appointment' ELSE 'past_appointment' END,
       NULL, a.practitioner_id
  FROM handed AS h JOIN appointments AS a ON a.holding_id = h.old_id
UNION ALL SELECT h.transfer_id, a.item_id, 'collaborator_appointment', NULL, a.practitioner_id
  FROM handed AS h JOIN appointments AS a ON a.record_id = h.record_id AND a.created_at <= h.decided_at
   AND (a.holding_id IS NULL OR (a.holding_id = h.new_id AND a.practitioner_id = h.to_id))
UNION ALL SELECT h.transfer_id, s.id, 'share', NULL, s.member_id
  FROM handed AS h JOIN shares AS s ON s.record_id = h.record_id AND s.since <= h.decided_at
   AND (s.ended_at IS NULL OR s.ended_at >= h.decided_at);

CREATE TEMP VIEW due AS
SELECT o.*, h.number, h.old_id, h.new_id,
       CASE WHEN o.class IN ('confidential_note', 'confidential_document') AND NOT h.confidential_moves
              OR o.class = 'raw_data' AND NOT h.raw_moves
              OR o.class = 'past_appointment' THEN iif(h.copy, 'kept', 'withheld')
            WHEN o.class = 'invoice' THEN 'kept'
            WHEN o.class IN ('task', 'memo') THEN iif(h.legal_hold, 'kept', 'deleted')
            WHEN o.class = 'upcoming_appointment' THEN 'cancelled'
            WHEN o.class = 'share' AND o.author_id = h.to_id THEN 'cancelled'
            ELSE 'moved' END AS outcome
  FROM owed AS o JOIN handed AS h ON h.transfer_id = o.transfer_id;
"""

#: By name: what is counted, and the questions whose answers are what is wrong.
_QUESTIONS: Final[dict[str, tuple[str, ...]]] = {
    "one_holding": (
        "SELECT count(*) FROM records",
        """SELECT r.number FROM records AS r
             LEFT JOIN holdings AS h ON h.record_id = r.id AND h.state = 'live'
            GROUP BY r.id HAVING count(h.id) <> 1""",
    ),
    "owners": (
        "SELECT count(*) FROM records",
        """SELECT r.number FROM records AS r WHERE NOT EXISTS (
             SELECT 1 FROM holdings AS h JOIN members AS m ON m.id = h.owner_id
               JOIN member_roles AS p ON p.member_id = m.id AND p.role = 'practitioner'
              WHERE h.record_id = r.id AND h.state = 'live' AND m.active
                AND m.organization_id = r.organization_id)""",
        # The last one who accepted is the one who holds it.
        """SELECT h.number FROM handed AS h JOIN holdings AS live ON live.record_id = h.record_id
            WHERE live.state = 'live' AND live.owner_id <> h.to_id AND NOT EXISTS (
              SELECT 1 FROM handed AS later
               WHERE later.record_id = h.record_id AND later.decided_at > h.decided_at)""",
    ),
    "once": (
        "SELECT count(*) FROM transfers WHERE state = 'accepted'",
        """SELECT number FROM handed GROUP BY transfer_id
           HAVING count(*) <> 1 OR min(old_id) IS NULL OR min(new_id) IS NULL""",
        """SELECT r.number FROM records AS r JOIN holdings AS h ON h.record_id = r.id GROUP BY r.id
           HAVING count(*) <> 1 + (SELECT count(*) FROM handed WHERE record_id = r.id)""",
        """SELECT h.number FROM handed AS h LEFT JOIN events AS e
               ON e.transfer_id = h.transfer_id AND e.outcome = 'allowed' GROUP BY h.transfer_id
           HAVING sum(e.action IN ('transfer.accept', 'transfer.impose')) IS NOT 1
               OR sum(e.action = 'record.handed_over' AND e.side = 'export') IS NOT 1
               OR sum(e.action = 'record.handed_over' AND e.side = 'import') IS NOT 1""",
        """SELECT r.number FROM events AS e JOIN records AS r ON r.id = e.record_id
            WHERE e.action = 'record.handed_over'
              AND e.transfer_id NOT IN (SELECT transfer_id FROM handed)""",
    ),
    "copies": (
        "SELECT count(*) FROM handed",
        "SELECT number FROM handed WHERE old_state IS NOT iif(copy, 'archived', 'quarantined')",
    ),
    "left_behind": (
        "SELECT count(*) FROM due WHERE outcome <> 'moved' AND class <> 'share'",
        """SELECT d.number || ' ' || d.class FROM due AS d
             JOIN held AS i ON i.holding_id = d.new_id AND i.item_id = d.item_id
            WHERE d.outcome <> 'moved'""",
        """SELECT h.number || ' ' || i.class FROM handed AS h JOIN held AS i ON i.holding_id = h.new_id
            WHERE i.item_id NOT IN (SELECT item_id FROM held WHERE holding_id = h.old_id)""",
        """SELECT d.number || ' ' || d.class FROM due AS d JOIN appointments AS a ON a.item_id = d.item_id
            WHERE d.class LIKE '%coming_appointment' AND a.state <> 'cancelled'
               OR d.class = 'past_appointment' AND a.state <> 'booked'
               OR d.class = 'collaborator_appointment' AND a.state <> 'booked'""",
    ),
    "manifest": (
        "SELECT count(*) FROM manifest",
        """SELECT d.number || ' ' || d.class FROM due AS d LEFT JOIN manifest AS l
               ON l.transfer_id = d.transfer_id AND l.item_id = d.item_id
            WHERE l.item_class IS NOT d.class OR l.outcome IS NOT d.outcome
               OR l.sha256 IS NOT d.sha256 OR l.author_id IS NOT d.author_id AND d.class <> 'invoice'""",
        """SELECT r.number || ' ' || l.item_class FROM manifest AS l
             JOIN transfers AS t ON t.id = l.transfer_id JOIN records AS r ON r.id = t.record_id
            WHERE NOT EXISTS (SELECT 1 FROM owed AS o
                               WHERE o.transfer_id = l.transfer_id AND o.item_id = l.item_id)""",
    ),
    "bytes": (
        "SELECT count(*) FROM due WHERE outcome = 'moved' AND sha256 IS NOT NULL",
        "SELECT sha256 FROM content WHERE sha256_of(body) <> sha256",
        """SELECT d.number || ' ' || d.class FROM due AS d
             LEFT JOIN held AS i ON i.holding_id = d.new_id AND i.item_id = d.item_id
             LEFT JOIN content AS c ON c.sha256 = i.sha256
            WHERE d.outcome = 'moved' AND d.sha256 IS NOT NULL
              AND (i.sha256 IS NOT d.sha256 OR c.body IS NULL)""",
        # Author, date and signature never change (VIS-5).
        """SELECT h.number FROM handed AS h JOIN notes AS a ON a.holding_id = h.old_id
             JOIN notes AS b ON b.holding_id = h.new_id AND b.item_id = a.item_id
            WHERE (a.author_id, a.created_at, a.state, a.confidential) <>
                  (b.author_id, b.created_at, b.state, b.confidential) OR a.signed_at IS NOT b.signed_at""",
    ),
    "clients": (
        "SELECT count(*) FROM due WHERE class = 'upcoming_appointment'",
        """SELECT d.number FROM due AS d JOIN appointments AS a ON a.item_id = d.item_id
             LEFT JOIN outbox AS n ON n.kind = 'appointment_cancelled' AND n.subject_id = d.item_id
              AND n.transfer_id = d.transfer_id AND n.client_id = a.client_id AND n.sequence = a.sequence
            WHERE d.class = 'upcoming_appointment' GROUP BY d.item_id HAVING count(n.id) <> 1""",
        """SELECT n.kind || ' ' || n.id FROM outbox AS n
            WHERE (n.client_id IS NOT NULL OR n.kind = 'appointment_cancelled') AND n.subject_id NOT IN (
              SELECT item_id FROM due WHERE class = 'upcoming_appointment')""",
        """SELECT a.item_id FROM appointments AS a WHERE a.state = 'cancelled' AND a.item_id NOT IN (
              SELECT item_id FROM due WHERE class = 'upcoming_appointment')""",
    ),
    "caseload": CASELOAD,
}

# Everything of a record that a transfer could touch; the same rows give the same picture.
_OF_RECORD: Final = (
    "SELECT * FROM records WHERE id = :id",
    "SELECT * FROM holdings WHERE record_id = :id ORDER BY id",
    "SELECT * FROM shares WHERE record_id = :id ORDER BY id",
    "SELECT * FROM appointments WHERE record_id = :id ORDER BY item_id",
    *(
        f"SELECT i.* FROM {table} AS i JOIN holdings AS h ON h.id = i.holding_id"  # noqa: S608 - names of this file
        " WHERE h.record_id = :id ORDER BY i.holding_id, i.item_id"
        for table in ("notes", "documents", "raw_data", "profiles", "tasks", "memos", "invoices")
    ),
)


def check(folder: Path, expected: Expected) -> list[Finding]:
    """Check everything about the data of a demo; what is wrong is named, and nothing is raised."""
    with closing(_open(folder)) as connection:
        connection.executescript(_VIEWS)
        return [
            Finding("scenes", *_scenes(connection, expected)),
            *(Finding(key, *_asked(connection, questions)) for key, questions in _QUESTIONS.items()),
            Finding("untouched", *_untouched(connection, expected)),
            Finding("chain", *_chain(connection)),
            Finding("receipts", *unproven(connection)),
            Finding("secrets", *_secrets(connection, folder, expected)),
        ]


def pictures(folder: Path) -> dict[str, str]:
    """Take a picture of every record as it is now."""
    with closing(_open(folder)) as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM records")]
        return {record_id: _picture(connection, record_id) for record_id in ids}


def count_items(folder: Path) -> int:
    """Count what the records hold."""
    with closing(_open(folder)) as connection:
        connection.executescript(_VIEWS)
        found = connection.execute(
            "SELECT (SELECT count(*) FROM held) + (SELECT count(*) FROM appointments)"
            " + (SELECT count(*) FROM shares) + (SELECT count(*) FROM records)"
        )
        return int(found.fetchone()[0])


def _open(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{(folder / _DATABASE).resolve().as_uri()}?mode=ro", uri=True)
    connection.create_function(
        "sha256_of", 1, lambda body: hashlib.sha256(body).hexdigest(), deterministic=True
    )
    connection.create_function(
        "fold", 1, lambda title: " ".join(title.split()).casefold(), deterministic=True
    )
    return connection


def _asked(connection: sqlite3.Connection, questions: Sequence[str]) -> tuple[int, list[str]]:
    counted, *wrong = questions
    found = [str(row[0]) for question in wrong for row in connection.execute(question)]
    return connection.execute(counted).fetchone()[0], found


def _scenes(connection: sqlite3.Connection, expected: Expected) -> tuple[int, list[str]]:
    """Every transfer stands where its scene left it, nothing else is open, and denials left only a line."""
    stand = dict(connection.execute("SELECT id, state FROM transfers").fetchall())
    wrong = [
        *expected.surprises,
        *(
            f"{transfer_id} {stand.get(transfer_id)}"
            for transfer_id in sorted(stand.keys() | expected.states.keys())
            if stand.get(transfer_id) != expected.states.get(transfer_id)
        ),
    ]
    for denial in expected.denials:
        lines = connection.execute(
            "SELECT count(*) FROM events WHERE action = 'transfer.open' AND outcome = 'denied'"
            " AND (rule = :rule OR rule LIKE :rule || '/%') AND record_id = :record AND subject_id = :to",
            {"rule": denial.rule, "record": denial.record_id, "to": denial.to_id},
        ).fetchone()[0]
        if lines != 1:
            wrong.append(denial.rule)
    return len(expected.states) + len(expected.denials), wrong


def _untouched(connection: sqlite3.Connection, expected: Expected) -> tuple[int, list[str]]:
    """Records that did not change hands are as they were, to the last column (MOVE-7)."""
    stayed = connection.execute(
        "SELECT id, number FROM records WHERE id NOT IN (SELECT record_id FROM handed)"
    ).fetchall()
    wrong = [
        number
        for record_id, number in stayed
        if _picture(connection, record_id) != expected.before.get(record_id)
    ]
    return len(stayed), wrong


def _picture(connection: sqlite3.Connection, record_id: str) -> str:
    rows = [connection.execute(query, {"id": record_id}).fetchall() for query in _OF_RECORD]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _chain(connection: sqlite3.Connection) -> tuple[int, list[str]]:
    """Recompute every line's hash, which covers the line before (AUD-2); the end must be the head's."""
    wrong, counted = [], 0
    for organization, seq, head in connection.execute("SELECT organization_id, seq, hash FROM audit_heads"):
        previous, expected_seq = _GENESIS, 0
        for line in _lines(connection, organization):
            expected_seq += 1
            stored = line.pop("hash")
            canonical = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            computed = hashlib.sha256(canonical.encode()).hexdigest()
            if (line["seq"], line["prev_hash"], stored) != (expected_seq, previous, computed):
                wrong.append(str(line["seq"]))
                break
            previous = stored
        else:
            if (seq, head) != (expected_seq, previous):
                wrong.append(str(expected_seq + 1))
        counted += expected_seq
    return counted, wrong


def _lines(connection: sqlite3.Connection, organization: str) -> Iterator[dict[str, Any]]:
    found = connection.execute("SELECT * FROM events WHERE organization_id = ? ORDER BY seq", (organization,))
    names = [column[0] for column in found.description]
    for row in found:
        line = dict(zip(names, row, strict=True))
        # A line without a service is hashed as it was before services could speak.
        if line["service_id"] is None:
            del line["service_id"]
        # An instant is hashed with its offset.
        yield line | {"at": line["at"].replace("Z", "+00:00")}


def _secrets(connection: sqlite3.Connection, folder: Path, expected: Expected) -> tuple[int, list[str]]:
    """Search the log, Temporal's file and what the processes said for content: bytes, not columns."""
    rows = connection.execute("SELECT name FROM clients ORDER BY id LIMIT ?", (_MOST_WORDS,))
    words = [expected.marker, *(name for (name,) in rows)]
    # As text, and as JSON writes it without accents.
    needles = {form: word for word in words for form in (word.encode(), json.dumps(word)[1:-1].encode())}
    places = {file.name: file.read_bytes() for pattern in _OUTSIDE for file in sorted(folder.glob(pattern))}
    told = json.dumps(connection.execute("SELECT * FROM events").fetchall(), ensure_ascii=False)
    wrong = [
        f"{place}: {word}"
        for place, body in {**places, "events": told.encode()}.items()
        for needle, word in needles.items()
        if needle in body
    ]
    # A search that cannot find an id, which must be there, would find no secret either.
    known = next(iter(expected.states), "").encode()
    if not any(known in body for name, body in places.items() if name.startswith("temporal.db")):
        wrong.append("temporal.db?")
    # A marker that is in no content would be a search for nothing.
    planted = connection.execute(
        "SELECT count(*) FROM content WHERE instr(body, CAST(? AS BLOB))", (expected.marker,)
    ).fetchone()[0]
    return planted if expected.marker else 0, wrong
