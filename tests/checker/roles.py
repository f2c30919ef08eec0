"""Roles: what the log says of them, line by line, is what there is (ROLE-1, ROLE-2, ROLE-5, ST-1)."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.checker.base import Rows, rule

_CHANGES = {"member.grant": True, "member.revoke": False}


class Line(NamedTuple):
    """One line of the log, as far as roles go."""

    seq: int
    at: str
    action: str
    actor: str | None
    role: str
    subject: str | None
    command: str
    counts: str | None
    transfer: str | None

    @property
    def given(self) -> set[str]:
        """Which roles the line says that it changed; a repetition changes none."""
        return {name for name, count in json.loads(self.counts or "{}").get("role", {}).items() if count}

    @property
    def held(self) -> set[tuple[str | None, str]]:
        """Give the same with the member whose they are."""
        return {(self.subject, role) for role in self.given}


class Standing(NamedTuple):
    """Who is active and who holds which role, right after a line; whoever came later is not there yet."""

    active: frozenset[str | None]
    roles: frozenset[tuple[str | None, str]]
    created: Mapping[str | None, str]
    at: str

    def acting(self, role: str) -> set[str | None]:
        """Give the active members in a role."""
        return {
            member
            for member, held in self.roles
            if held == role and member in self.active and self.created[member] <= self.at
        }


def told_backwards(db: sqlite3.Connection) -> Iterator[tuple[str, Line, Standing, list[str]]]:
    """
    Go from what there is back through every allowed line, undoing it: how things stood right after each.

    With each line comes what cannot be undone, since it did not stand so.
    """
    for (organization_id,) in db.execute("SELECT id FROM organizations").fetchall():
        members = db.execute(
            "SELECT id, active, created_at FROM members WHERE organization_id = ?", (organization_id,)
        ).fetchall()
        roles = db.execute(
            "SELECT r.member_id, r.role FROM member_roles r JOIN members m ON m.id = r.member_id"
            " WHERE m.organization_id = ?",
            (organization_id,),
        )
        standing = Standing(
            frozenset(member for member, active, _ in members if active),
            frozenset(roles),
            {member: created for member, _, created in members},
            "",
        )
        for row in db.execute(
            "SELECT seq, at, action, actor_id, role, subject_id, command_id, counts, transfer_id"
            " FROM events WHERE organization_id = ? AND outcome = 'allowed' ORDER BY seq DESC",
            (organization_id,),
        ).fetchall():
            line = Line(*row)
            before, wrong = _undone(standing, line)
            yield organization_id, line, standing._replace(at=line.at), wrong
            standing = before


def _undone(standing: Standing, line: Line) -> tuple[Standing, list[str]]:
    wrong: list[str] = []
    if line.action in _CHANGES:
        unlike = line.held - standing.roles if _CHANGES[line.action] else line.held & standing.roles
        wrong += ["not given" if _CHANGES[line.action] else "not taken" for _ in unlike]
        standing = standing._replace(roles=standing.roles ^ line.held)
    elif line.action == "member.add" and line.counts is not None:
        found = {(member, role) for member, role in standing.roles if member == line.subject}
        if found != line.held:
            wrong.append("came with another")
        standing = standing._replace(active=standing.active - {line.subject}, roles=standing.roles - found)
    elif line.action in {"member.deactivate", "member.activate"}:
        standing = standing._replace(active=standing.active ^ {line.subject})
    return standing, wrong


@rule("ROLE-2")
def roles_differ_from_the_log(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """A role is given to who lacks it and taken from who holds it; the rows are what the log ends with."""
    for organization_id, line, _, wrong in told_backwards(db):
        for what in wrong:
            yield what, organization_id, line.seq


@rule("ROLE-2")
def role_changed_by_somebody_else(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Only an administrator gives or takes roles, one at a time, inside the organization."""
    for organization_id, line, _, _ in told_backwards(db):
        if line.action in _CHANGES:
            (theirs,) = db.execute(
                "SELECT count(*) FROM members WHERE id = ? AND organization_id = ?",
                (line.subject, organization_id),
            ).fetchone()
            if line.role != "administrator" or len(line.given) > 1 or not theirs:
                yield organization_id, "line", line.seq


@rule("ROLE-5")
def acted_in_a_role_not_held(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Nobody acted as an administrator or a coordinator while that role was not theirs."""
    changed: set[tuple[str | None, str]] = {
        (subject, role)
        for subject, counts in db.execute(
            "SELECT subject_id, counts FROM events WHERE outcome = 'allowed'"
            " AND action IN ('member.grant', 'member.revoke')"
        )
        for role, count in json.loads(counts or "{}").get("role", {}).items()
        if count
    }
    for organization_id, line, after, _ in told_backwards(db):
        held = (line.actor, line.role)
        if line.role not in {"administrator", "coordinator"} or held not in changed:
            continue
        # Whoever takes a role from themself still had it.
        own = line.action == "member.revoke" and line.subject == line.actor and line.role in line.given
        if held not in after.roles and not own:
            yield organization_id, "line", line.seq, line.role


@rule("ROLE-1")
def nobody_administered(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """At no moment was an organization without an active administrator."""
    for organization_id, line, after, _ in told_backwards(db):
        if not after.acting("administrator"):
            yield organization_id, "after line", line.seq


@rule("ROLE-1")
def member_without_a_role(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """A member whose role was taken keeps another one, but for the coordinator's (ROLE-2)."""
    for organization_id, line, after, _ in told_backwards(db):
        taken = line.action == "member.revoke" and bool(line.given - {"coordinator"})
        if taken and not any(member == line.subject for member, _ in after.roles):
            yield organization_id, "after line", line.seq


@rule("ROLE-2")
def role_changed_and_not_told(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Whose role is given or taken is told; what somebody gives themself is told to every administrator."""
    told: dict[str, Counter[tuple[str, str]]] = {}
    for cause_id, kind, member_id in db.execute(
        "SELECT cause_id, kind, member_id FROM outbox WHERE kind IN ('role_granted', 'role_revoked')"
    ):
        told.setdefault(cause_id, Counter())[kind, member_id] += 1
    for organization_id, line, after, _ in told_backwards(db):
        came = line.action == "member.add" and "coordinator" in line.given
        if not came and (line.action not in _CHANGES or not line.given):
            continue
        kind = "role_granted" if came or _CHANGES[line.action] else "role_revoked"
        expected = {line.subject}
        if line.subject == line.actor and not came:
            expected = {line.subject, *after.acting("administrator")} if _CHANGES[line.action] else set()
        if told.pop(line.command, Counter()) != Counter((kind, member) for member in expected):
            yield "untold", organization_id, line.seq
    for cause_id in told:
        yield "nothing happened", cause_id


@rule("ELIG-3")
def accepted_without_practising(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Whoever accepted a record was an active practitioner at that moment."""
    for organization_id, line, after, _ in told_backwards(db):
        if line.action == "transfer.accept" and line.actor not in after.acting("practitioner"):
            yield organization_id, "line", line.seq


@rule("ST-4")
def stopped_practising_unnoticed(db: sqlite3.Connection) -> Rows:
    """Nothing that cannot go back still waits for the answer of somebody who no longer practises."""
    return db.execute("""
        SELECT t.id, t.to_id FROM transfers t
        WHERE t.state = 'pending_acceptance' AND t.asked_by_id <> t.from_id
            AND t.to_id NOT IN (SELECT member_id FROM member_roles WHERE role = 'practitioner')
            AND EXISTS (SELECT 1 FROM events e JOIN events o ON o.transfer_id = t.id AND o.seq < e.seq
                WHERE e.action = 'member.revoke' AND e.outcome = 'allowed' AND e.subject_id = t.to_id
                    AND e.counts = '{"role":{"practitioner":1}}')
    """)


@rule("ROLE-6")
def signed_in_without_access(db: sqlite3.Connection) -> Rows:
    """A session at the console is of an active member, and the log says that it began."""
    return db.execute(
        """
        SELECT sessions.member_id FROM sessions JOIN members ON members.id = sessions.member_id
        WHERE members.active = 0 OR NOT EXISTS (
            SELECT 1 FROM events WHERE events.actor_id = sessions.member_id
            AND events.action = 'session.begin' AND events.outcome = 'allowed'
        )
        """
    )
