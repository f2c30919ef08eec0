"""A caseload's preview on the database: what it counts, whom it tells what, what it leaves alone (BULK-2)."""

from itertools import product
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from engine.desk.desk import Desk
from engine.errors import BadInput, Denied, EngineError, NotFound
from engine.records.caseload import plan_bulk
from engine.rules.bulk import BulkChoice, check, counted, fingerprint
from engine.rules.content import ContentClass, Outcome
from engine.rules.facts import RecordStatus
from engine.states.choices import Options, RawDataChoice
from tests import build
from tests.integration.caseload.looking import by_record, look, numbers, records, tables
from tests.integration.handover.clinic import EVERYTHING, Clinic
from tests.integration.people.logged import last_line

EVERY_CHOICE = [
    Options(include_confidential=confidential, raw_data=raw_data, keep_copy=copy)
    for confidential, raw_data, copy in product([False, True], RawDataChoice, [False, True])
]


class TestCounts:
    @pytest.mark.parametrize("options", EVERY_CHOICE, ids=str)
    def test_each_line_says_what_the_preview_of_that_record_says(
        self, clinic: Clinic, desk: Desk, options: Options
    ) -> None:
        """BULK-2: one list of classes, one plan; VIS-6: what is its author's alone is in neither."""
        full = [clinic.full_record(), clinic.full_record(legal_hold=True)]

        lines = by_record(look(clinic, desk, options=options))

        assert set(lines) == {clinic.world.record, *(one.record for one in full)}
        for record_id, line in lines.items():
            single = desk.preview(clinic.world.coordinator, record_id, clinic.world.new_owner, options)
            assert (line.items, line.copy_kept) == (single.items, single.copy_kept)

    def test_a_handover_then_does_what_was_counted(self, clinic: Clinic) -> None:
        """MOVE-5, BULK-2: the manifest says so, item by item."""
        full = clinic.full_record()
        choice = BulkChoice(
            from_id=clinic.world.owner, to_ids=(clinic.world.new_owner,), options=Options(keep_copy=False)
        )
        with clinic.database.read() as session:
            plan = plan_bulk(session, clinic.member(clinic.world.coordinator), choice, clinic.now)

        transfer_id = clinic.hand_over(choice.options, record=full.record)

        manifest = clinic.manifest(transfer_id).values()
        outcomes = dict(manifest)
        items = {one: sum(found == one for found, _ in manifest) for one in outcomes}
        (line,) = (line for line in plan.lines if line.record_id == full.record)
        assert line.counts == counted(items, outcomes)

    def test_totals_appointments_and_what_is_destroyed_later(self, clinic: Clinic, desk: Desk) -> None:
        """BULK-2, MOVE-6: what is withheld or deleted goes one day, unless a hold keeps it (MOVE-11)."""
        for hold in (False, False, True):
            clinic.full_record(legal_hold=hold)

        seen = look(clinic, desk, options=Options(keep_copy=False))

        totals = {(line.item_class, line.outcome): line.count for line in seen.items}
        later = {line.item_class: line.count for line in seen.destroyed_later}
        assert (seen.going, seen.blocked) == (4, 0)
        assert totals[ContentClass.RAW_DATA, Outcome.WITHHELD] == 4
        assert totals[ContentClass.RAW_DATA, Outcome.KEPT] == 2
        assert totals[ContentClass.TASK, Outcome.DELETED] == 4
        assert (later[ContentClass.TASK], later[ContentClass.RAW_DATA]) == (4, 4)
        assert seen.shares == 3
        assert seen.appointments_to_cancel == totals[ContentClass.UPCOMING_APPOINTMENT, Outcome.CANCELLED]
        assert ContentClass.INVOICE not in later

    def test_an_empty_caseload_is_allowed(self, clinic: Clinic, desk: Desk) -> None:
        """BULK-1."""
        nobodys = clinic.colleague()

        seen = look(clinic, desk, source=nobodys)

        assert (seen.lines, seen.items, seen.going, seen.blocked) == ([], [], 0, 0)
        assert len(seen.fingerprint) == 64

    def test_a_leaver_who_is_no_longer_active_has_a_caseload(self, clinic: Clinic, desk: Desk) -> None:
        """ROLE-3, ROLE-6: records of somebody who left are moved by a coordinator."""
        clinic.change("UPDATE members SET active = false WHERE id = :id", id=clinic.world.owner)

        assert look(clinic, desk).going == 1


class TestBlocks:
    def test_each_rule_blocks_the_line_and_no_other(self, clinic: Clinic, desk: Desk) -> None:
        """BULK-1: anything about one record is a blocked line (ELIG-1, ELIG-4, ELIG-5)."""
        open_one, unwanted, raw = records(clinic, "A-1", "A-2", "A-3")
        holding, _owner = clinic.live(raw)
        clinic.change("UPDATE members SET title = 'Conseillère' WHERE id = :id", id=clinic.world.new_owner)
        with clinic.database.write() as session:
            build.raw_datum(session, holding)
        transfer = clinic.ask(record_id=open_one)
        clinic.change(
            "UPDATE record_clients SET client_id = :client WHERE record_id = :record",
            client=clinic.world.client,
            record=unwanted,
        )
        clinic.restrict(title="conseillère")

        lines = by_record(look(clinic, desk, options=EVERYTHING))

        blocked = {record: lines[record].blocked for record in (open_one, unwanted, raw)}
        assert blocked == {open_one: "ELIG-1/open_transfer", unwanted: "ELIG-4", raw: "ELIG-5"}
        assert lines[clinic.world.record].blocked == "ELIG-4"
        assert lines[open_one].open_transfer_id == transfer
        assert all(lines[record].items == [] for record in blocked)

    @pytest.mark.parametrize("options", [Options(), EVERYTHING], ids=["cautious", "everything"])
    def test_each_recipient_is_judged_as_by_the_preview_of_that_record(
        self, clinic: Clinic, desk: Desk, options: Options
    ) -> None:
        """BULK-1, ELIG-1 to ELIG-5: the rules of a request, not others."""
        clinic.full_record()
        clinic.restrict(title="Ergothérapeute")
        clinic.ask(record_id=records(clinic, "A-1")[0])
        titles = ("Ergothérapeute", "Conseillère", "Psychologue")
        to = [clinic.colleague(title=title) for title in titles]
        to += [clinic.colleague(accepts_records=False), clinic.world.administrator]

        # The preview of one record leaves it to the request whether somebody insists.
        lines = look(clinic, desk, *to, options=options, insist=True).lines

        for line in lines:
            blocked = {block.to_id: block.rule for block in line.blocked_for}
            for who in to:
                rule = None
                try:
                    desk.preview(clinic.world.coordinator, line.record_id, who, options)
                except Denied as denial:
                    rule = denial.key
                assert blocked.get(who) == rule
        assert {len(line.blocked_for) for line in lines} >= {2, 5}

    def test_who_takes_no_records_and_who_is_no_practitioner_block_lines(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        """BULK-1, ELIG-3: they do not refuse the launch."""
        away = clinic.colleague(accepts_records=False)

        assert [line.blocked for line in look(clinic, desk, away).lines] == ["ELIG-3/insist"]
        assert [line.blocked for line in look(clinic, desk, away, insist=True).lines] == [None]
        assert [line.blocked for line in look(clinic, desk, clinic.world.administrator).lines] == [
            "ELIG-3/not_practitioner"
        ]

    def test_a_coordinator_among_the_recipients_gets_nothing(self, clinic: Clinic, desk: Desk) -> None:
        """ELIG-9: blocked for them, and another takes it."""
        clinic.change(
            "INSERT INTO member_roles (member_id, role) VALUES (:id, 'practitioner')",
            id=clinic.world.coordinator,
        )

        clinic.change(
            "UPDATE policies SET coordinator_may_receive = true WHERE organization_id = :id",
            id=clinic.world.organization,
        )
        alone = look(clinic, desk, clinic.world.coordinator)
        shared = look(clinic, desk, clinic.world.coordinator, clinic.world.new_owner)

        assert [line.blocked for line in alone.lines] == ["ELIG-9"]
        assert [(line.blocked, line.to_id) for line in shared.lines] == [(None, clinic.world.new_owner)]
        assert [block.rule for block in shared.lines[0].blocked_for] == ["ELIG-9"]

    def test_archived_records_stay_unless_listed_and_then_are_blocked(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        """ELIG-1."""
        records(clinic, "A-1", status=RecordStatus.ARCHIVED)

        assert "A-1" not in numbers(look(clinic, desk).lines)
        assert [line.blocked for line in look(clinic, desk, only_file=b"A-1\n").lines] == ["ELIG-1/archived"]


class TestConfidential:
    """BULK-2, ELIG-6, VIS-1, VIS-2."""

    def test_they_are_one_bare_count(self, clinic: Clinic, desk: Desk) -> None:
        hidden = records(clinic, "SECRET-1", "SECRET-2", confidential=True)

        seen = look(clinic, desk)

        assert seen.confidential_left_out == 2
        assert "SECRET" not in seen.model_dump_json()
        assert not any(str(record) in seen.model_dump_json() for record in hidden)

    def test_included_they_are_lines_without_number_or_title(self, clinic: Clinic, desk: Desk) -> None:
        hidden = records(clinic, "SECRET-1", "SECRET-2", confidential=True)

        seen = look(clinic, desk, include_confidential_records=True)

        assert seen.confidential_left_out == 0
        assert [(line.record_number, line.confidential) for line in seen.lines[-2:]] == [(None, True)] * 2
        assert {line.record_id for line in seen.lines[-2:]} == set(hidden)
        assert {line.blocked for line in seen.lines} == {None}
        assert "SECRET" not in seen.model_dump_json()

    def test_all_confidential_items_of_one_move_whatever_the_options_say(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        """ELIG-6."""
        full = clinic.full_record(confidential=True)

        line = by_record(look(clinic, desk, include_confidential_records=True))[full.record]

        moved = {item.item_class: item.count for item in line.items if item.outcome is Outcome.MOVED}
        assert moved[ContentClass.CONFIDENTIAL_NOTE] == 2

    @pytest.mark.parametrize("included", [False, True])
    def test_a_number_finds_none(self, clinic: Clinic, desk: Desk, included: bool) -> None:
        """VIS-2, VIS-11: word for word as for a number that nobody has."""
        records(clinic, "SECRET-1", confidential=True)

        with pytest.raises(BadInput) as hidden:
            look(clinic, desk, only_file=b"SECRET-1\n", include_confidential_records=included)
        with pytest.raises(BadInput) as missing:
            look(clinic, desk, only_file=b"NOBODYS-1\n", include_confidential_records=included)

        assert (hidden.value.key, hidden.value.params) == (missing.value.key, missing.value.params)

    def test_an_id_names_one_where_they_are_included(self, clinic: Clinic, desk: Desk) -> None:
        (hidden,) = records(clinic, "SECRET-1", confidential=True)
        file = f"{hidden}\n".encode()

        seen = look(clinic, desk, only_file=file, include_confidential_records=True)

        assert [line.record_id for line in seen.lines] == [hidden]
        with pytest.raises(BadInput, match="bulk_line_record"):
            look(clinic, desk, only_file=file)

    def test_its_owner_sees_the_number_of_their_own(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-2 hides it from coordinators; one whose own caseload it is knows it."""
        records(clinic, "MINE-1", confidential=True)
        clinic.change(
            "INSERT INTO member_roles (member_id, role) VALUES (:id, 'coordinator')", id=clinic.world.owner
        )

        seen = look(clinic, desk, by=clinic.world.owner, include_confidential_records=True)

        assert "MINE-1" in numbers(seen.lines)


class TestSplit:
    def test_loads_are_active_records_and_records_being_asked_for(self, clinic: Clinic, desk: Desk) -> None:
        """BULK-1."""
        records(clinic, "A-1", "A-2", "A-3", "A-10")
        busy, free = clinic.colleague(), clinic.colleague()
        with clinic.database.write() as session:
            for _ in range(2):
                build.record(session, busy, [clinic.world.client])
            build.record(session, busy, [clinic.world.client], status=RecordStatus.ARCHIVED)
            asked = build.record(session, clinic.world.new_owner, [clinic.world.client])

        clinic.ask(by=clinic.world.new_owner, to=busy, record_id=asked.record_id)

        seen = look(clinic, desk, busy, free)

        loads = {one.id: (one.active, one.asked, one.added, one.after) for one in seen.recipients}
        assert loads == {busy: (2, 1, 1, 4), free: (0, 0, 4, 4)}
        assert numbers(seen.lines)[:4] == ["A-1", "A-2", "A-3", "A-10"]

    def test_a_record_blocked_for_one_goes_to_another_with_its_client(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        """BULK-1, ELIG-4."""
        second, third = records(clinic, "A-1", "A-2", clients=[clinic.world.client])
        other = clinic.colleague()
        clinic.restrict(member_id=clinic.world.new_owner)

        seen = look(clinic, desk, clinic.world.new_owner, other)

        assert {line.record_id: line.to_id for line in seen.lines} == dict.fromkeys(
            (second, third, clinic.world.record), other
        )

    def test_a_file_says_who_gets_what(self, clinic: Clinic, desk: Desk) -> None:
        """BULK-1: with the mark and the semicolons of a spreadsheet in French; what it leaves out stays."""
        first, _second, third = records(clinic, "A-1", "A-2", "A-3")
        with clinic.database.write() as session:
            ann = build.member(session, clinic.world.organization, email="ann@clinic.example")
            bob = build.member(session, clinic.world.organization, email="bob@clinic.example")
        file = "\ufeffNuméro;Courriel\r\nA-3;BOB@clinic.example\r\nA-1;ann@clinic.example\r\n".encode()

        seen = desk.bulk_preview(clinic.world.coordinator, clinic.world.owner, split_file=file)

        assert [(line.record_id, line.to_id) for line in seen.lines] == [(first, ann), (third, bob)]
        assert [one.id for one in seen.recipients] == [bob, ann]
        assert seen.not_selected == 2

    @pytest.mark.parametrize(
        ("file", "wrong"),
        [
            ("A-1,new@clinic.example\nA-9,new@clinic.example\n", "record"),
            ("A-1,new@clinic.example\nA-1,new@clinic.example\n", "twice"),
            ("A-1,new@clinic.example\nA-2,nobody@clinic.example\n", "recipient_unknown"),
            ("A-1,new@clinic.example\nA-2,beyond@clinic.example\n", "recipient_unknown"),
            ("A-1,new@clinic.example\nA-2,gone@clinic.example\n", "recipient_inactive"),
            ("A-1,new@clinic.example\nA-2,from@clinic.example\n", "recipient_is_source"),
            ("A-1,new@clinic.example\nA-2,third@clinic.example\n", "recipient_not_named"),
            ("A-1,new@clinic.example\nA-2\n", "columns"),
        ],
    )
    def test_a_wrong_line_refuses_the_whole_and_is_named(
        self, clinic: Clinic, desk: Desk, elsewhere: Clinic, file: str, wrong: str
    ) -> None:
        """BULK-1, VIS-8: with its number, and nothing of what stands on it."""
        records(clinic, "A-1", "A-2")
        with clinic.database.write() as session:
            build.member(session, elsewhere.world.organization, email="beyond@clinic.example")
            build.member(session, clinic.world.organization, email="gone@clinic.example", active=False)
            build.member(session, clinic.world.organization, email="third@clinic.example")
        for email, who in (("new", clinic.world.new_owner), ("from", clinic.world.owner)):
            clinic.change("UPDATE members SET email = :email WHERE id = :id",
                          email=f"{email}@clinic.example", id=who)  # fmt: skip

        with pytest.raises(BadInput) as refused:
            look(clinic, desk, split_file=file.encode())

        assert refused.value.variant == f"bulk_line_{wrong}"
        assert refused.value.params["line"] == 2
        assert last_line(clinic)[:3] == ("bulk.preview", "denied", f"bad_input/bulk_line_{wrong}")


class TestRefused:
    """BULK-1: what refuses a launch whole."""

    def test_a_wrong_source_or_recipient(self, clinic: Clinic, desk: Desk, elsewhere: Clinic) -> None:
        gone = clinic.colleague(active=False)
        wrong: list[tuple[tuple[UUID, ...], EngineError]] = [
            ((uuid4(),), Denied("BULK-1", "recipient_unknown")),
            ((clinic.world.new_owner, elsewhere.world.owner), Denied("BULK-1", "recipient_unknown")),
            ((gone,), Denied("BULK-1", "recipient_inactive")),
            ((clinic.world.owner,), Denied("BULK-1", "recipient_is_source")),
        ]
        for to, expected in wrong:
            with pytest.raises(Denied) as refused:
                look(clinic, desk, *to)
            assert refused.value.key == expected.key
        for source in (uuid4(), elsewhere.world.owner):
            with pytest.raises(NotFound, match="VIS-11/colleague"):
                look(clinic, desk, source=source)
        with pytest.raises(BadInput, match="bulk_no_recipient"):
            desk.bulk_preview(clinic.world.coordinator, clinic.world.owner)

    def test_somebody_elses_record_is_a_wrong_selection(self, clinic: Clinic, desk: Desk) -> None:
        with clinic.database.write() as session:
            build.record(session, clinic.world.new_owner, [clinic.world.client], number="B-1")

        with pytest.raises(BadInput, match="bulk_line_record"):
            look(clinic, desk, only_file=b"B-1\n")

    @pytest.mark.parametrize("who", ["owner", "administrator", "new_owner"])
    def test_only_a_coordinator_looks(self, clinic: Clinic, desk: Desk, who: str) -> None:
        """ROLE-3, ROLE-4: nobody else, not even the one whose caseload it is."""
        with pytest.raises(Denied) as denied:
            look(clinic, desk, by=getattr(clinic.world, who))

        assert denied.value.key == "ROLE-4/coordinator"
        assert last_line(clinic)[:3] == ("bulk.preview", "denied", "ROLE-4/coordinator")


class TestReassigning:
    """OVR-3: an open transfer is reported and left alone, unless it is to be reassigned."""

    def test_with_the_options_of_the_open_transfer(self, clinic: Clinic, desk: Desk) -> None:
        other = clinic.colleague()
        transfer = clinic.ask(options=EVERYTHING)

        left = look(clinic, desk, other)
        taken = look(clinic, desk, other, reassign_open=True)

        assert [(line.blocked, line.open_transfer_id) for line in left.lines] == [
            ("ELIG-1/open_transfer", transfer)
        ]
        assert [(line.blocked, line.reassigns, line.options) for line in taken.lines] == [
            (None, True, EVERYTHING)
        ]
        assert left.fingerprint != taken.fingerprint

    def test_who_is_asked_already_is_not_asked_again_and_loses_the_load(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        other = clinic.colleague()
        clinic.ask()

        seen = look(clinic, desk, clinic.world.new_owner, other, reassign_open=True)

        assert [line.to_id for line in seen.lines] == [other]
        assert [(one.asked, one.added) for one in seen.recipients] == [(0, 0), (0, 1)]

    def test_a_confidential_one_waits_for_its_owner(self, clinic: Clinic, desk: Desk) -> None:
        """ELIG-6: a coordinator reassigns it once the owner is gone."""
        other = clinic.colleague()
        (hidden,) = records(clinic, "SECRET-1", confidential=True)
        clinic.ask(record_id=hidden)
        choice = {"reassign_open": True, "include_confidential_records": True}

        kept = by_record(look(clinic, desk, other, **choice))[hidden]
        clinic.change("UPDATE members SET active = false WHERE id = :id", id=clinic.world.owner)
        taken = by_record(look(clinic, desk, other, **choice))[hidden]

        assert (kept.blocked, kept.reassigns) == ("ELIG-6/pending", False)
        assert (taken.blocked, taken.reassigns) == (None, True)

    def test_who_is_asked_alone_is_the_rule_that_blocks(self, clinic: Clinic, desk: Desk) -> None:
        """OVR-1."""
        clinic.ask()

        seen = look(clinic, desk, reassign_open=True)

        assert [line.blocked for line in seen.lines] == ["ST-T/reassign/already_asked"]


class TestWritesNothing:
    def test_every_table_but_the_log_is_as_before(self, clinic: Clinic, desk: Desk) -> None:
        """BULK-2: and in the log one line, with numbers alone."""
        clinic.full_record()
        records(clinic, "A-1", "A-2", confidential=True)
        before = tables(clinic)

        look(clinic, desk, options=EVERYTHING, include_confidential_records=True)

        assert tables(clinic) == before
        assert last_line(clinic) == (
            "bulk.preview", "allowed", None, "coordinator", str(clinic.world.coordinator)
        )  # fmt: skip
        ((counts, subject),) = clinic.rows(
            "SELECT counts, subject_id FROM events WHERE action = 'bulk.preview'"
        )
        assert (counts, subject) == ('{"records":{"blocked":0,"going":4}}', str(clinic.world.owner))

    def test_any_number_of_records_takes_the_same_statements(self, clinic: Clinic, desk: Desk) -> None:
        """BULK-2: ten records or three hundred."""
        other = clinic.colleague()

        def statements() -> int:
            counted_here = 0

            def count(*_: object) -> None:
                nonlocal counted_here
                counted_here += 1

            event.listen(clinic.database.engine, "before_cursor_execute", count)
            look(clinic, desk, clinic.world.new_owner, other, include_confidential_records=True)
            event.remove(clinic.database.engine, "before_cursor_execute", count)
            return counted_here

        records(clinic, *(f"A-{number}" for number in range(9)))
        statements()  # what is read once a process
        few = statements()
        records(clinic, *(f"B-{number}" for number in range(290)))

        assert statements() == few


class TestFingerprint:
    """BULK-2: a launch is refused if what matters has changed, and only then."""

    def test_a_note_changes_nothing_and_a_task_does(self, clinic: Clinic, desk: Desk) -> None:
        full = clinic.full_record()
        before = look(clinic, desk).fingerprint
        with clinic.database.write() as session:
            build.note(session, full.holding)

        same = look(clinic, desk).fingerprint
        with clinic.database.write() as session:
            build.task(session, full.holding)

        assert before == same
        assert look(clinic, desk).fingerprint != before

    def test_a_launch_checks_the_plan_that_it_makes_in_its_own_transaction(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        seen = look(clinic, desk)
        records(clinic, "A-1")
        choice = BulkChoice(from_id=clinic.world.owner, to_ids=(clinic.world.new_owner,))
        with clinic.database.write() as session:
            plan = plan_bulk(session, clinic.member(clinic.world.coordinator), choice, clinic.now)

        with pytest.raises(Denied, match="BULK-2/changed"):
            check(plan, seen.fingerprint)
        check(plan, fingerprint(plan))
