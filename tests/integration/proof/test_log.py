"""A log that somebody changed who could take the triggers away: every column, the order, the end (AUD-2)."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Text, delete, text
from sqlalchemy.orm import Session

from engine import proof
from engine.audit import checking, log
from engine.audit.checking import Mark
from engine.audit.log import Place
from engine.desk.base import speaking_for
from engine.desk.desk import Desk
from engine.errors import BadInput, Denied
from engine.records.tables.proof import AuditHead, Event
from engine.records.types import Id
from engine.states.choices import Options
from tests.integration.handover.clinic import Clinic

COLUMNS = sorted(column.name for column in Event.__table__.columns)
#: Of another kind than any line has; a column that is not named here gets one by its type.
OTHER: dict[str, Any] = {
    "seq": 10_000,
    "at": datetime(2041, 1, 1, tzinfo=UTC),
    "side": "import",
    "purpose": "departure",
    "state_from": "failed",
    "state_to": "failed",
    "os_uid": 4242,
}


#: The line of the refusal in the log below.
REFUSAL = 6


@pytest.fixture
def history(signing: Clinic) -> Clinic:
    """A log of a dozen lines: a hand-over, a refusal, a hand-over."""
    signing.hand_over()
    transfer_id = signing.ask(by=signing.world.new_owner, to=signing.world.owner)
    signing.refuse(transfer_id, by=signing.world.owner)
    signing.hand_over(Options(keep_copy=False), by=signing.world.new_owner, to=signing.world.owner)
    return signing


@contextmanager
def unguarded(clinic: Clinic) -> Iterator[Session]:
    """A session as of somebody who took triggers and foreign keys away; nothing of it stays."""
    with clinic.database.write() as session:
        raw = session.connection()
        if clinic._on_sqlite:
            triggers = raw.exec_driver_sql(
                "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'events'"
            ).scalars()
            for name in triggers.all():
                raw.exec_driver_sql(f'DROP TRIGGER "{name}"')
            raw.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        else:
            raw.exec_driver_sql("SET LOCAL session_replication_role = replica")
        yield session
        session.rollback()


def found(session: Session, clinic: Clinic, *marks: Mark) -> log.Break | None:
    wanted = {mark.seq for mark in marks}
    walked = log.verify(session, clinic.world.organization, wanted=wanted)
    return checking.with_marks(walked, marks).first_break


def run(session: Session, clinic: Clinic, statement: str, **parameters: Any) -> int:  # noqa: ANN401
    result: Any = session.execute(
        text(statement), clinic._bound({"org": clinic.world.organization} | parameters)
    )
    return int(result.rowcount)


def head_of(clinic: Clinic) -> Place:
    with clinic.database.read() as session:
        return log.head(session, clinic.world.organization)


def place(clinic: Clinic, seq: int) -> Mark:
    with clinic.database.read() as session:
        (line,) = log.lines(session, clinic.world.organization, seq)
    return Mark(clinic.world.organization, seq, line["hash"])


class TestEveryColumn:
    @pytest.mark.parametrize("column", COLUMNS)
    def test_a_changed_value_is_found_in_its_line(self, history: Clinic, column: str) -> None:
        """The columns come from the table: one that is added is covered, or this fails."""
        kind = type(Event.__table__.columns[column].type)
        value = OTHER.get(column, {Id: uuid4(), Text: "other"}.get(kind))
        assert value is not None, f"say in OTHER what another value of {column} is"
        with unguarded(history) as session:
            assert found(session, history) is None
            where = f"organization_id = :org AND seq = {REFUSAL}"
            assert run(session, history, f"UPDATE events SET {column} = :value WHERE {where}", value=value)
            broken = found(session, history)

        assert broken is not None
        # A line that left its place is missed there; what took its place is named.
        assert broken.seq == REFUSAL + (column in {"organization_id", "seq"})

    @pytest.mark.parametrize("column", [name for name in COLUMNS if Event.__table__.columns[name].nullable])
    def test_a_value_that_was_taken_away_is_found(self, history: Clinic, column: str) -> None:
        with unguarded(history) as session:
            row = session.execute(
                text(
                    f"SELECT min(seq) FROM events WHERE organization_id = :org AND {column} IS NOT NULL"
                    " AND seq > 1"
                ),
                history._bound({"org": history.world.organization}),
            ).scalar()
            if row is None:
                # That of a service is tried below.
                assert column in {"os_uid", "rule", "service_id", "subject_id"}
                return
            where = "organization_id = :org AND seq = :seq"
            run(session, history, f"UPDATE events SET {column} = NULL WHERE {where}", seq=row)
            broken = found(session, history)

        assert broken is not None
        assert broken.seq == row

    def test_a_service_that_was_taken_away_is_found(self, history: Clinic) -> None:
        """A line without one hashes as it did before there were services; one with it does not."""
        desk, administrator = Desk(history.database), history.world.administrator
        spoke = speaking_for.set(desk.add_service(administrator, "Agenda").service.id)
        try:
            desk.add_service(administrator, "Facturation")
        finally:
            speaking_for.reset(spoke)
        with unguarded(history) as session:
            assert found(session, history) is None
            where = "organization_id = :org AND service_id IS NOT NULL"
            assert run(session, history, f"UPDATE events SET service_id = NULL WHERE {where}") == 1
            broken = found(session, history)

        assert broken is not None

    def test_a_value_that_the_column_cannot_hold_is_a_break_and_no_fault(self, history: Clinic) -> None:
        if not history._on_sqlite:
            pytest.skip("a type of PostgreSQL holds no such value")
        for column in ("at", "actor_id", "command_id"):
            with unguarded(history) as session:
                run(session, history, f"UPDATE events SET {column} = 'x' WHERE seq = 3")
                broken = found(session, history)
            assert broken is not None
            assert broken.seq == 3


class TestOrder:
    def test_two_lines_that_changed_places_are_found(self, history: Clinic) -> None:
        with unguarded(history) as session:
            for old, new in ((3, 100), (4, 3), (100, 4)):
                where = "organization_id = :org AND seq = :old"
                run(session, history, f"UPDATE events SET seq = :new WHERE {where}", old=old, new=new)
            broken = found(session, history)

        assert broken is not None
        assert broken.seq == 3

    @pytest.mark.parametrize("seq", [1, 3])
    def test_a_line_that_was_taken_out_is_found(self, history: Clinic, seq: int) -> None:
        with unguarded(history) as session:
            run(session, history, "DELETE FROM events WHERE organization_id = :org AND seq = :seq", seq=seq)
            broken = found(session, history)

        assert broken is not None
        assert (broken.seq, broken.what) == (seq + 1, f"missing line {seq}")

    def test_a_line_that_was_put_in_is_found(self, history: Clinic) -> None:
        last = head_of(history)
        columns = ", ".join(name for name in COLUMNS if name not in {"seq", "command_id"})
        with unguarded(history) as session:
            run(
                session,
                history,
                f"INSERT INTO events (seq, command_id, {columns}) SELECT :seq, :command, {columns}"
                " FROM events WHERE organization_id = :org AND seq = 2",
                seq=last.seq + 1,
                command=uuid4(),
            )
            broken = found(session, history)

        assert broken is not None
        assert broken.seq == last.seq + 1


class TestTheEnd:
    """A cut tail leaves a whole chain: only what was given out tells."""

    def cut(self, session: Session, clinic: Clinic, to: int) -> None:
        run(session, clinic, "DELETE FROM events WHERE organization_id = :org AND seq > :to", to=to)

    def cut_well(self, session: Session, clinic: Clinic, to: int) -> None:
        """And the head is set back."""
        last = place_in(session, clinic, to)
        self.cut(session, clinic, to)
        statement = "UPDATE audit_heads SET seq = :to, hash = :hash WHERE organization_id = :org"
        run(session, clinic, statement, to=to, hash=last.hash)

    def test_without_its_head_set_back_it_is_found(self, history: Clinic) -> None:
        with unguarded(history) as session:
            self.cut(session, history, 4)
            broken = found(session, history)

        assert broken is not None
        assert (broken.seq, broken.what) == (5, "the end is missing")

    def test_with_the_head_set_back_it_is_found_by_a_line_that_was_given_out(self, history: Clinic) -> None:
        known, last = place(history, 6), place(history, head_of(history).seq)
        with unguarded(history) as session:
            self.cut_well(session, history, 4)

            assert found(session, history) is None
            for mark in (known, last):
                broken = found(session, history, mark)
                assert broken is not None
                assert (broken.seq, broken.what) == (5, "the end is missing")

    def test_a_log_that_was_written_anew_is_found_by_a_line_that_was_given_out(self, history: Clinic) -> None:
        """Somebody cut the end, set the head back, and let the engine write other lines."""
        known = [place(history, seq) for seq in range(1, head_of(history).seq + 1)]
        with unguarded(history) as session:
            self.cut_well(session, history, 4)
            entry = log.Entry(
                organization_id=history.world.organization,
                at=history.now,
                action="record.add",
                command_id=uuid4(),
                role="practitioner",
                actor_id=history.world.owner,
            )
            for _ in known:
                log.append(session, replace(entry, command_id=uuid4()))

            assert found(session, history) is None
            broken = found(session, history, *known)
            assert broken is not None
            assert (broken.seq, broken.what) == (5, "is not the one that was given out")
            assert found(session, history, *known[:4]) is None

    def test_without_its_row_of_the_head_it_is_found(self, history: Clinic) -> None:
        with unguarded(history) as session:
            session.execute(delete(AuditHead))
            broken = found(session, history)

        assert broken is not None
        assert broken.what == "the end is missing"

    def test_lines_of_another_organization_say_nothing(self, history: Clinic) -> None:
        """VIS-8."""
        elsewhere = Clinic(history.database)
        elsewhere.hand_over()

        with history.database.read() as session:
            assert found(session, history, place(elsewhere, 1)) is None


def place_in(session: Session, clinic: Clinic, seq: int) -> Mark:
    (line,) = log.lines(session, clinic.world.organization, seq)
    return Mark(clinic.world.organization, seq, line["hash"])


class TestGiven:
    """What an operator holds against the log: receipts and heads, each verified before it is believed."""

    def test_true_ones_give_their_lines(self, history: Clinic, desk: Desk) -> None:
        ((transfer_id,), *_) = history.rows("SELECT transfer_id FROM receipts ORDER BY event_seq")
        receipt = desk.receipt(history.world.owner, UUID(transfer_id))
        head = desk.head(history.world.administrator)

        views, marks = desk.check_given([("r", receipt, False), ("h", head, True)])

        assert [view.flaws for view in views] == [[], []]
        assert [mark.seq for mark in marks] == [
            receipt["statement"]["chain"]["seq"],
            head_of(history).seq,
        ]
        assert all(chain.first_break is None for chain in desk.verify_log(marks))

    def test_a_forged_one_gives_none_and_is_named(self, history: Clinic, desk: Desk) -> None:
        head = desk.head(history.world.administrator)
        head["statement"]["seq"] += 1

        views, marks = desk.check_given([("h", head, True), ("n", None, False), ("x", head, False)])

        assert [[flaw.what for flaw in view.flaws] for view in views] == [["signature"], ["form"], ["form"]]
        assert marks == []

    def test_one_of_another_installation_is_named(self, history: Clinic, desk: Desk, tmp_path: Path) -> None:
        head = desk.head(history.world.administrator)
        head["statement"]["organization"]["id"] = str(uuid4())

        ((view,), marks) = desk.check_given([("h", head, True)])

        assert ([flaw.what for flaw in view.flaws], marks) == (["unknown_organization"], [])

    def test_keys_kept_elsewhere_find_a_key_that_was_exchanged(self, history: Clinic, desk: Desk) -> None:
        """Somebody who changed the database put a key of their own there, too."""
        own = desk.keys(history.world.owner)[0].public_key
        desk.replace_key(history.world.administrator)
        forged = desk.head(history.world.administrator)

        ((believed,), _) = desk.check_given([("h", forged, True)])
        ((doubted,), marks) = desk.check_given([("h", forged, True)], [own])

        assert believed.flaws == []
        assert {flaw.what for flaw in doubted.flaws} == {"other_key", "signature"}
        assert marks == []


class TestTakingOut:
    def test_a_head_is_signed_and_its_own_line_is_in_it(self, history: Clinic, desk: Desk) -> None:
        found = desk.head(history.world.administrator)

        assert proof.verify_head(found, desk.keys(history.world.owner)[0].public_key) == []
        assert found["statement"]["seq"] == head_of(history).seq
        ((action,),) = history.rows(
            "SELECT action FROM events WHERE organization_id = :org ORDER BY seq DESC LIMIT 1",
            org=history.world.organization,
        )
        assert action == "audit.head"

    def test_an_export_has_every_line_and_its_chain_holds_by_hand(
        self, history: Clinic, desk: Desk, tmp_path: Path
    ) -> None:
        told: list[tuple[int, int]] = []
        count = desk.export_log(
            history.world.administrator, tmp_path / "log", lambda *so_far: told.append(so_far)
        )

        heading, *rows = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
        assert json.loads(heading)["format"] == "passation-log/1"
        assert count == len(rows) == head_of(history).seq == told[-1][0]
        before = "0" * 64
        for row in rows:
            line = json.loads(row)
            assert line["organization_id"] == str(history.world.organization)
            assert line["prev_hash"] == before
            before = line.pop("hash")
            said = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            assert hashlib.sha256(said.encode()).hexdigest() == before
        assert before == head_of(history).hash

    def test_vis_12_no_reason_stands_in_it(self, history: Clinic, desk: Desk, tmp_path: Path) -> None:
        reasons = [body for (body,) in history.rows("SELECT body FROM texts WHERE kind = 'reason'")]
        desk.export_log(history.world.administrator, tmp_path / "log")

        written = (tmp_path / "log").read_text(encoding="utf-8")
        assert reasons
        assert [reason for reason in reasons if reason in written] == []

    @pytest.mark.parametrize("who", ["owner", "new_owner", "coordinator"])
    def test_both_are_an_administrators(self, history: Clinic, desk: Desk, tmp_path: Path, who: str) -> None:
        """ROLE-4; and the denial is a line."""
        actor = getattr(history.world, who)
        with pytest.raises(Denied, match="ROLE-4"):
            desk.export_log(actor, tmp_path / "log")
        with pytest.raises(Denied, match="ROLE-4"):
            desk.head(actor, tmp_path / "head")

        assert list(tmp_path.glob("[lh]*")) == []
        assert history.rows(
            "SELECT action, outcome FROM events WHERE action IN ('audit.export', 'audit.head') ORDER BY seq"
        ) == [("audit.export", "denied"), ("audit.head", "denied")]

    def test_nothing_is_overwritten(self, history: Clinic, desk: Desk, tmp_path: Path) -> None:
        (tmp_path / "log").write_text("there")
        with pytest.raises(BadInput, match="export_exists"):
            desk.export_log(history.world.administrator, tmp_path / "log")
        assert (tmp_path / "log").read_text() == "there"
