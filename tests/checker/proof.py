"""The log: complete, without content, and chained; the chain is computed again here (AUD-1, AUD-2)."""

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.checker.base import Rows, rule

#: The columns that a line's hash covers.
HASHED = (
    *("organization_id", "seq", "at", "action", "outcome", "rule", "actor_id", "role", "os_uid"),
    "service_id",
    *("command_id", "side", "transfer_id", "record_id", "subject_id", "purpose"),
    *("state_from", "state_to", "counts", "prev_hash"),
)
_WORDS = re.compile(r"[a-z_]+(\.[a-z_]+)*")
_WORD = re.compile(r"[a-z_]+")
_KEY = re.compile(r"[A-Za-z0-9_-]+(/[a-z0-9_]+)*")


#: Columns that came later: a line that has nothing there is hashed as it was before them.
LATER = ("service_id",)


def line_hash(line: dict[str, Any]) -> str:
    """Give the SHA-256 of a line's canonical JSON (RFC 8785, for text, whole numbers and null)."""
    at = str(line["at"]).removesuffix("Z") + "+00:00"
    line = {name: value for name, value in line.items() if value is not None or name not in LATER}
    canonical = json.dumps(line | {"at": at}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


@rule("AUD-2")
def chain_is_broken(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Every line follows the one before and has the hash of what it says; the head is the last line."""
    for organization_id, head_seq, head_hash in db.execute(
        "SELECT o.id, h.seq, h.hash FROM organizations o LEFT JOIN audit_heads h ON h.organization_id = o.id"
    ).fetchall():
        previous, expected = "0" * 64, 1
        for *values, found in db.execute(
            f"SELECT {', '.join(HASHED)}, hash FROM events WHERE organization_id = ? ORDER BY seq",
            (organization_id,),
        ):
            line = dict(zip(HASHED, values, strict=True))
            if line["seq"] != expected or line["prev_hash"] != previous or found != line_hash(line):
                yield organization_id, "first break at line", expected
                break
            previous, expected = found, expected + 1
        else:
            if (head_seq, head_hash) != (expected - 1, previous):
                yield organization_id, "the head is", head_seq, "the last line is", expected - 1


@rule("AUD-1")
def handover_not_logged_on_both_sides(db: sqlite3.Connection) -> Rows:
    """An accepted transfer has one decision, one export and one import, by one command of who decided."""
    return db.execute("""
        SELECT t.id, count(e.seq), count(DISTINCT e.command_id) FROM transfers t
        LEFT JOIN events e ON e.transfer_id = t.id AND e.outcome = 'allowed' AND e.state_to = 'accepted'
        WHERE t.state = 'accepted' GROUP BY t.id
        HAVING count(e.seq) <> 3 OR count(DISTINCT e.command_id) <> 1
            OR sum(e.action IN ('transfer.accept', 'transfer.impose') AND e.side IS NULL) <> 1
            OR sum(e.action = 'record.handed_over' AND e.side = 'export') <> 1
            OR sum(e.action = 'record.handed_over' AND e.side = 'import') <> 1
            OR count(DISTINCT e.counts) <> 1
            OR sum(e.actor_id IS t.decided_by_id AND e.at = t.decided_at) <> 3
    """)


@rule("AUD-1")
def denied_without_a_rule(db: sqlite3.Connection) -> Rows:
    """A denial names its rule and who was denied."""
    return db.execute("""
        SELECT organization_id, seq FROM events
        WHERE outcome NOT IN ('allowed', 'denied')
            OR (outcome = 'denied' AND (rule IS NULL OR actor_id IS NULL))
    """)


@rule("AUD-1")
def nobody_acted(db: sqlite3.Connection) -> Rows:
    """A line names who acted, in a role that exists, or the engine."""
    return db.execute("""
        SELECT organization_id, seq, role FROM events
        WHERE role NOT IN ('practitioner', 'coordinator', 'administrator', 'engine')
            OR (role = 'engine') <> (actor_id IS NULL)
            OR (actor_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM members m WHERE m.id = actor_id))
    """)


@rule("AUD-1")
def without_its_purpose(db: sqlite3.Connection) -> Rows:
    """A line about a command on a transfer says its record and its purpose, as the transfer does."""
    return db.execute("""
        SELECT e.organization_id, e.seq, e.action FROM events e
        JOIN transfers t ON t.id = e.transfer_id AND t.organization_id = e.organization_id
        WHERE (e.action LIKE 'transfer.%' OR e.action = 'record.handed_over') AND e.action <> 'transfer.stuck'
            AND e.state_from IS NOT NULL AND (e.purpose IS NOT t.purpose OR e.record_id IS NOT t.record_id)
    """)


@rule("MOVE-3")
def command_executed_twice(db: sqlite3.Connection) -> Rows:
    """A command has one line for each thing that it did."""
    return db.execute("""
        SELECT command_id, action, count(*) FROM events
        GROUP BY command_id, action, coalesce(side, '') HAVING count(*) > 1
    """)


@rule("MOVE-5")
def counts_differ_from_the_manifest(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The counts in the log are the manifest's, without what is its author's alone (VIS-6)."""
    for transfer_id, seq, counts in db.execute("""
        SELECT e.transfer_id, e.seq, e.counts FROM events e JOIN transfers t ON t.id = e.transfer_id
        WHERE e.state_to = 'accepted' AND t.state = 'accepted'
    """).fetchall():
        listed: dict[str, dict[str, int]] = {}
        for item_class, outcome, count in db.execute(
            "SELECT item_class, outcome, count(*) FROM manifest WHERE transfer_id = ?"
            " AND item_class <> 'collaborator_confidential' GROUP BY item_class, outcome",
            (transfer_id,),
        ):
            listed.setdefault(item_class, {})[outcome] = count
        if json.loads(counts or "null") != listed:
            yield transfer_id, "line", seq


@rule("VIS-6")
def counted_what_is_its_authors_alone(db: sqlite3.Connection) -> Rows:
    """No count in the log says that a collaborator's confidential item exists."""
    return db.execute(
        "SELECT organization_id, seq FROM events WHERE counts LIKE '%collaborator_confidential%'"
    )


@rule("AUD-1")
def free_text_in_the_log(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """A line is made of ids and of words of the product: nothing that a person typed (ST-2)."""
    for organization_id, seq, action, key, purpose, counts in db.execute(
        "SELECT organization_id, seq, action, rule, purpose, counts FROM events"
    ):
        words = [action, *([purpose] if purpose else [])]
        for item_class, outcomes in json.loads(counts or "{}").items():
            words += [item_class, *outcomes]
        if not all(_WORDS.fullmatch(word) for word in words) or not (key is None or _KEY.fullmatch(key)):
            yield organization_id, seq


@rule("ST-2")
def content_in_the_log(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """No reason, message, note, title, name or address stands in the log."""
    lines: dict[str, tuple[str, int]] = {}
    for organization_id, seq, *values in db.execute(
        "SELECT organization_id, seq, action, rule, role, purpose, counts, side FROM events"
    ):
        lines.setdefault(" ".join(str(value) for value in values), (organization_id, seq))
    everything = "\n".join(lines)
    for secret in sorted(_secrets(db)):
        if secret in everything:
            yield from (where for line, where in lines.items() if secret in line)


def _secrets(db: sqlite3.Connection) -> set[str]:
    found = {
        text
        for query in (
            "SELECT body FROM texts",
            "SELECT reason FROM emergencies",
            "SELECT title FROM holdings",
            "SELECT email FROM holdings",
            "SELECT reason_for_consultation FROM holdings",
            "SELECT name FROM clients",
            "SELECT email FROM clients",
            "SELECT email FROM members",
            "SELECT basis FROM restrictions",
            "SELECT name FROM documents",
            "SELECT name FROM raw_data",
            "SELECT name FROM profiles",
        )
        for (text,) in db.execute(query)
    }
    for (body,) in db.execute("SELECT body FROM content WHERE length(body) < 10000"):
        found.add(body.decode(errors="replace"))
    # A word of the product is nobody's secret, even where somebody typed it.
    return {text for text in found if text and len(text) > 5 and not _WORD.fullmatch(text)}


@rule("AUD-4")
def accepted_without_seals(db: sqlite3.Connection) -> Rows:
    """Each line of an accepted manifest is under seal, and the receipt names its line of the log."""
    return db.execute("""
        SELECT 'unsealed', t.id, m.item_id FROM transfers t JOIN manifest m ON m.transfer_id = t.id
        LEFT JOIN seals s ON s.transfer_id = m.transfer_id AND s.item_id = m.item_id
        WHERE t.state = 'accepted' AND (s.commitment IS NULL
            OR s.annex <> (m.item_class = 'collaborator_confidential') OR m.sha256 <> s.digest)
        UNION ALL
        SELECT 'receipt', t.id, r.event_seq FROM transfers t LEFT JOIN receipts r ON r.transfer_id = t.id
        LEFT JOIN events e ON e.organization_id = r.organization_id AND e.seq = r.event_seq
            AND e.transfer_id = t.id AND e.action IN ('transfer.accept', 'transfer.impose')
            AND e.hash = r.event_hash
        WHERE t.state = 'accepted' AND (e.seq IS NULL OR r.organization_id <> t.organization_id)
    """)


@rule("AUD-4")
def seals_do_not_hold(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Every commitment stands for its line, and the manifest's hash for all commitments."""
    for transfer_id, manifest_hash, shown, annex in db.execute(
        "SELECT transfer_id, manifest_hash, lines, annex FROM receipts"
    ).fetchall():
        commitments: dict[int, list[str]] = {0: [], 1: []}
        for commitment, annexed, *said in db.execute(
            "SELECT s.commitment, s.annex, s.salt, m.item_class, m.item_id, m.outcome, s.digest FROM seals s"
            " LEFT JOIN manifest m ON m.transfer_id = s.transfer_id AND m.item_id = s.item_id"
            " WHERE s.transfer_id = ?",
            (transfer_id,),
        ):
            commitments[annexed].append(commitment)
            if said[0] is not None and _sha256("\n".join(map(str, said))) != commitment:
                yield "commitment", transfer_id, commitment
        public, private = (sorted(commitments[annexed]) for annexed in (0, 1))
        if (
            _sha256("".join(f"{line}\n" for line in (*public, annex))) != manifest_hash
            or len(public) != shown
            or (private and _sha256("".join(f"{line}\n" for line in private)) != annex)
        ):
            yield "manifest", transfer_id


@rule("AUD-4")
def signature_does_not_hold(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """What is signed is canonical, by a key of the organization, and says what the rows say."""
    for transfer_id, organization_id, statement, signature in db.execute(
        "SELECT transfer_id, organization_id, statement, signature FROM receipts WHERE statement IS NOT NULL"
    ).fetchall():
        said = _object(statement)
        canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        keys = [
            bytes.fromhex(key)
            for (key,) in db.execute(
                "SELECT public_key FROM organization_keys WHERE organization_id = ?", (organization_id,)
            )
        ]
        named = [key for key in keys if hashlib.sha256(key).hexdigest() == said.get("key")]
        if canonical != statement or len(named) != 1 or not _signed(named[0], signature, statement):
            yield "signature", transfer_id
        if _expected(db, transfer_id) != {name: said[name] for name in said if name not in _FREE}:
            yield "statement", transfer_id


#: Checked above, or as it was called when it was signed and perhaps no longer is.
_FREE = ("format", "key", "organization", "previous_owner", "new_owner", "asked_by", "decided_by")


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _signed(key: bytes, signature: str, statement: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(signature), statement.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _expected(db: sqlite3.Connection, transfer_id: str) -> dict[str, Any]:
    (row,) = db.execute(
        "SELECT t.id, t.purpose, t.include_confidential, t.raw_data, t.keep_copy, t.asked_at, t.decided_at,"
        " r.manifest_hash, r.lines, r.event_seq, r.event_hash, r.record_salt, t.record_id, c.number, e.counts"
        " FROM receipts r JOIN transfers t ON t.id = r.transfer_id JOIN records c ON c.id = t.record_id"
        " LEFT JOIN events e ON e.organization_id = r.organization_id AND e.seq = r.event_seq"
        " WHERE r.transfer_id = ?",
        (transfer_id,),
    ).fetchall()
    return {
        "transfer": row[0],
        "record": _sha256("\n".join(row[11:14])),
        "purpose": row[1],
        "options": {
            "include_confidential": bool(row[2]),
            "raw_data": row[3],
            "keep_copy": bool(row[4]),
        },
        "asked_at": row[5],
        "accepted_at": row[6],
        "counts": json.loads(row[14] or "{}"),
        "manifest": {"hash": row[7], "lines": row[8]},
        "chain": {"seq": row[9], "hash": row[10]},
    }


@rule("AUD-4")
def statement_names_somebody_else(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The people and the organization of a statement are those of the transfer."""
    for statement, *ids in db.execute(
        "SELECT r.statement, r.organization_id, t.from_id, t.to_id, t.asked_by_id, t.decided_by_id"
        " FROM receipts r JOIN transfers t ON t.id = r.transfer_id WHERE r.statement IS NOT NULL"
    ).fetchall():
        said = _object(statement)
        names = ("organization", "previous_owner", "new_owner", "asked_by", "decided_by")
        if [said.get(name, {}).get("id") for name in names] != ids:
            yield "receipt", said.get("transfer")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
