"""May this transfer be made? Asked at the request, and again in the transaction that hands over (ELIG)."""

from uuid import UUID, uuid4

import pytest

from engine.records.tables.base import TextKind
from engine.rules.facts import RecordStatus
from engine.states.choices import Options, RawDataChoice, Role
from tests import build
from tests.integration.handover.clinic import EVERYTHING, Clinic

INCLUDE_RAW = Options(raw_data=RawDataChoice.INCLUDE)


def _denied_at_request(clinic: Clinic, rule: str, **more: object) -> UUID:
    """Ask, and expect the rule, a failed row, one line in the log and a notice to the asker alone."""
    request = clinic.request(**more)  # type: ignore[arg-type]
    result = clinic.open(request)
    assert (result.denied, result.state) == (rule, "failed")
    assert clinic.lines(request.transfer_id) == [("transfer.open", "denied", rule)]
    assert clinic.told(request.transfer_id) == [("failed", request.actor_id)]
    assert clinic.column(request.transfer_id, "failed_rule") == rule
    return request.transfer_id


@pytest.mark.parametrize("status", [RecordStatus.ARCHIVED, RecordStatus.DELETED])
def test_elig_1_record_not_active(clinic: Clinic, status: RecordStatus) -> None:
    """ELIG-1: an archived or deleted record is not transferred."""
    clinic.change("UPDATE records SET status = :s WHERE id = :id", s=status, id=clinic.world.record)

    _denied_at_request(clinic, f"ELIG-1/{status}")


def test_elig_1_one_open_transfer_a_record(clinic: Clinic) -> None:
    """ELIG-1, OVR-3: the second request fails and leaves the first alone; later there may be another."""
    first = clinic.ask()
    third = clinic.colleague()

    _denied_at_request(clinic, "ELIG-1/open_transfer", to=third)

    assert clinic.column(first, "state") == "pending_acceptance"
    clinic.cancel(first)
    clinic.ask(to=third)


def test_elig_2_asked_by_a_collaborator_or_a_previous_owner(clinic: Clinic) -> None:
    """ELIG-2, VIS-11: who may know of the record is told the rule, and leaves no transfer behind."""
    full = clinic.full_record()
    first = clinic.hand_over(record=full.record)
    for actor in (full.collaborator, clinic.world.owner):
        request = clinic.request(record_id=full.record, by=actor, to=clinic.colleague())
        result = clinic.open(request)
        assert (result.denied, result.state) == ("ELIG-2", None)
        assert clinic.lines(request.transfer_id) == [("transfer.open", "denied", "ELIG-2")]
        assert clinic.told(request.transfer_id) == []
    assert clinic.rows("SELECT id FROM transfers") == [(str(first),)]


@pytest.mark.parametrize("who", ["administrator", "stranger"])
def test_elig_2_asked_by_nobody_to_the_record(clinic: Clinic, who: str) -> None:
    """ELIG-2, ROLE-4, VIS-11: who may not know of the record gets the answer of an unknown one."""
    actor = clinic.world.administrator if who == "administrator" else clinic.colleague()

    known, unknown = (
        clinic.open(clinic.request(by=actor, record_id=record)) for record in (clinic.world.record, uuid4())
    )

    assert known.denied == unknown.denied == "VIS-11/record"
    assert known.state is unknown.state is None


def test_elig_2_a_coordinator_asks_for_the_owner(clinic: Clinic) -> None:
    """ELIG-2, ROLE-3, ELIG-7, NOTE-1: in the role of coordinator; owner and new owner are told."""
    full = clinic.full_record()
    options = Options(include_confidential=True)

    transfer = clinic.ask(by=clinic.world.coordinator, record_id=full.record, options=options)

    assert clinic.column(transfer, "asked_role") == "coordinator"
    assert clinic.told(transfer) == sorted([("asked", clinic.world.owner), ("asked", clinic.world.new_owner)])
    clinic.accept(transfer)
    assert ("accepted", clinic.world.coordinator) in clinic.told(transfer)


def test_elig_6_a_coordinator_does_not_transfer_a_confidential_record(clinic: Clinic) -> None:
    """ELIG-6, VIS-2: to them it does not exist."""
    full = clinic.full_record(confidential=True)

    result = clinic.open(clinic.request(by=clinic.world.coordinator, record_id=full.record))

    assert (result.denied, result.state) == ("VIS-11/record", None)
    assert not clinic.rows("SELECT 1 FROM transfers")


def _unfit(clinic: Clinic, what: str) -> UUID:
    match what:
        case "inactive":
            return clinic.colleague(active=False)
        case "not_accepting":
            return clinic.colleague(accepts_records=False)
        case "same":
            return clinic.world.owner
        case _:
            return clinic.world.coordinator


@pytest.mark.parametrize("what", ["inactive", "not_accepting", "same", "not_practitioner"])
def test_elig_3_who_cannot_be_the_new_owner(clinic: Clinic, what: str) -> None:
    """ELIG-3, ROLE-4: inactive, not accepting, the owner themself, no practitioner."""
    _denied_at_request(clinic, f"ELIG-3/{what}", to=_unfit(clinic, what))


def test_elig_3_unknown_recipient_leaves_no_transfer(clinic: Clinic) -> None:
    """ELIG-3: somebody who does not exist is no party; the attempt is logged."""
    request = clinic.request(to=uuid4())

    result = clinic.open(request)

    assert (result.denied, result.state) == ("ELIG-3/unknown", None)
    assert clinic.lines(request.transfer_id) == [("transfer.open", "denied", "ELIG-3/unknown")]


def test_elig_3_not_accepting_stops_asking_never_an_answer(clinic: Clinic) -> None:
    """ELIG-3: who was asked before may still accept."""
    transfer = clinic.ask()
    clinic.change("UPDATE members SET accepts_records = false WHERE id = :id", id=clinic.world.new_owner)

    assert clinic.accept(transfer).state == "accepted"


@pytest.mark.parametrize("how", ["member", "title"])
def test_elig_4_restricted_at_the_request(clinic: Clinic, how: str) -> None:
    """ELIG-4: a named member, or a title without regard to case, for every record of the client."""
    recipient = clinic.colleague(title="Travailleuse  Sociale")
    if how == "member":
        clinic.restrict(member_id=recipient)
    else:
        clinic.restrict(title="travailleuse sociale")

    _denied_at_request(clinic, "ELIG-4", to=recipient)
    _denied_at_request(clinic, "ELIG-4", to=recipient, record_id=clinic.full_record().record)
    clinic.ask()


def test_elig_4_any_client_of_the_record_counts(clinic: Clinic) -> None:
    """ELIG-4: the list belongs to the client; one of several is enough, another client's does not count."""
    world = clinic.world
    with clinic.database.write() as session:
        second, stranger = (build.client(session, world.organization) for _ in range(2))
        built = build.record(session, world.owner, [world.client, second])
        build.restriction(session, second, world.administrator, member_id=world.new_owner)
        build.restriction(session, stranger, world.administrator, title="Psychologue")

    _denied_at_request(clinic, "ELIG-4", record_id=built.record_id)
    clinic.ask()


@pytest.mark.parametrize("how", ["member", "title"])
def test_elig_4_restricted_meanwhile(clinic: Clinic, how: str) -> None:
    """ELIG-4, VIS-11: the new owner reads "can no longer be accepted", the log the rule; nothing moved."""
    transfer = clinic.ask()
    if how == "member":
        clinic.restrict(member_id=clinic.world.new_owner)
    else:
        clinic.restrict(title="PSYCHOLOGUE")

    result = clinic.accept(transfer)

    assert (result.denied, result.state) == ("VIS-11/no_longer", "pending_acceptance")
    assert clinic.lines(transfer)[-1] == ("transfer.accept", "denied", "ELIG-4")
    assert clinic.live(clinic.world.record) == (clinic.world.holding, clinic.world.owner)
    assert clinic.told(transfer) == [("asked", clinic.world.new_owner)]


def test_elig_5_raw_data_to_a_title_that_is_not_on_the_list(clinic: Clinic) -> None:
    """ELIG-5: refused if wanted; nothing to refuse where the record has none."""
    recipient = clinic.colleague(title="Conseillère")
    full = clinic.full_record()

    _denied_at_request(clinic, "ELIG-5", record_id=full.record, to=recipient, options=INCLUDE_RAW)
    clinic.hand_over(INCLUDE_RAW, to=recipient)


@pytest.mark.parametrize("how", ["title changed", "list changed"])
def test_elig_5_lost_meanwhile(clinic: Clinic, how: str) -> None:
    """ELIG-5, ST-3: title and list as they stand at the hand-over; the owner may narrow."""
    full = clinic.full_record()
    transfer = clinic.ask(record_id=full.record, options=INCLUDE_RAW)
    if how == "title changed":
        clinic.change("UPDATE members SET title = 'Conseillère' WHERE id = :id", id=clinic.world.new_owner)
    else:
        clinic.change("DELETE FROM raw_data_titles")

    assert clinic.accept(transfer).denied == "ELIG-5"
    clinic.narrow(transfer, Options())
    assert clinic.accept(transfer).state == "accepted"


def test_elig_8_the_legal_basis(clinic: Clinic) -> None:
    """ELIG-8: required by policy; a failed request keeps no text."""
    clinic.change("UPDATE policies SET basis_required = true")
    message = clinic.text(clinic.world.owner, TextKind.MESSAGE)
    failed = _denied_at_request(clinic, "ELIG-8", message_id=message)
    assert clinic.column(failed, "message_id") is None

    transfer = clinic.ask(basis_id=clinic.text(clinic.world.owner, TextKind.BASIS))

    assert clinic.accept(transfer).state == "accepted"


def test_elig_8_required_meanwhile(clinic: Clinic) -> None:
    """ELIG-8, ST-3: this policy holds as it stands at the hand-over."""
    transfer = clinic.ask()
    clinic.change("UPDATE policies SET basis_required = true")

    assert clinic.accept(transfer).denied == "ELIG-8"

    assert clinic.column(transfer, "state") == "pending_acceptance"


@pytest.mark.parametrize("kind", ["another's", "another kind", "unknown"])
def test_elig_8_somebody_elses_text_is_no_basis(clinic: Clinic, kind: str) -> None:
    """ELIG-8, ST-2: a basis is a text of that kind by the one who asks."""
    author = clinic.world.new_owner if kind == "another's" else clinic.world.owner
    text = clinic.text(author, TextKind.BASIS if kind == "another's" else TextKind.MESSAGE)

    result = clinic.open(clinic.request(basis_id=uuid4() if kind == "unknown" else text))

    assert result.denied == "bad_input/unknown_text"
    assert clinic.column(result.transfer_id, "basis_id") is None


def test_elig_9_a_coordinator_does_not_ask_for_themself(clinic: Clinic) -> None:
    """ELIG-9: though a practitioner too."""
    with clinic.database.write() as session:
        both = build.member(session, clinic.world.organization, Role.COORDINATOR, Role.PRACTITIONER)

    _denied_at_request(clinic, "ELIG-9", by=both, to=both)


def test_elig_9_the_owner_may_ask_a_coordinator(clinic: Clinic) -> None:
    """ELIG-9: it is the asking that counts."""
    with clinic.database.write() as session:
        both = build.member(session, clinic.world.organization, Role.COORDINATOR, Role.PRACTITIONER)

    clinic.hand_over(to=both)


@pytest.mark.parametrize("status", [RecordStatus.ARCHIVED, RecordStatus.DELETED])
def test_elig_1_record_archived_meanwhile(clinic: Clinic, status: RecordStatus) -> None:
    """ELIG-1, VIS-11: the new owner does not learn of the record's fate; the log does."""
    transfer = clinic.ask()
    clinic.change("UPDATE records SET status = :s WHERE id = :id", s=status, id=clinic.world.record)

    assert clinic.accept(transfer).denied == "VIS-11/no_longer"

    assert clinic.lines(transfer)[-1] == ("transfer.accept", "denied", f"ELIG-1/{status}")
    clinic.cancel(transfer)


def test_elig_3_recipient_deactivated_meanwhile(clinic: Clinic) -> None:
    """ELIG-3, ROLE-1: who is no member any more accepts nothing; the denial is logged."""
    transfer = clinic.ask()
    clinic.change("UPDATE members SET active = false WHERE id = :id", id=clinic.world.new_owner)

    result = clinic.accept(transfer)

    assert result.denied is not None
    assert result.state == "pending_acceptance"
    assert [line[:2] for line in clinic.lines(transfer)][-1] == ("transfer.accept", "denied")
    assert clinic.live(clinic.world.record)[1] == clinic.world.owner
    clinic.expire(transfer)


def test_elig_3_recipient_no_practitioner_any_more(clinic: Clinic) -> None:
    """ELIG-3, ROLE-5: the role is checked again in the transaction."""
    transfer = clinic.ask()
    clinic.change("DELETE FROM member_roles WHERE member_id = :id", id=clinic.world.new_owner)

    assert clinic.accept(transfer).denied == "ELIG-3/not_practitioner"


def test_the_same_command_gets_the_same_denial(clinic: Clinic) -> None:
    """MOVE-3, OVR-2: under its id a denial stands; a new command is judged afresh."""
    transfer, command = clinic.ask(), uuid4()
    clinic.restrict(member_id=clinic.world.new_owner)
    first = clinic.accept(transfer, command_id=command)
    clinic.change("UPDATE restrictions SET ended_at = set_at, ended_by_id = set_by_id")

    second = clinic.accept(transfer, command_id=command)

    assert first.denied == second.denied == "VIS-11/no_longer"
    assert len(clinic.lines(transfer)) == 2
    assert clinic.accept(transfer).state == "accepted"


def test_a_failed_request_is_final_and_told_to_the_asker_only(clinic: Clinic) -> None:
    """ST-T/reject, NOTE-1: the same request again changes nothing, and the record is free."""
    clinic.restrict(member_id=clinic.world.new_owner)
    request = clinic.request(by=clinic.world.coordinator)

    results = [clinic.open(request) for _ in range(3)]

    assert {(result.state, result.denied, result.version) for result in results} == {("failed", "ELIG-4", 1)}
    assert clinic.told(request.transfer_id) == [("failed", clinic.world.coordinator)]
    assert len(clinic.lines(request.transfer_id)) == 1
    assert clinic.accept(request.transfer_id).state == "failed"
    clinic.ask(to=clinic.colleague())


@pytest.mark.parametrize("state", ["accepted", "refused", "cancelled", "expired"])
def test_st_t_nothing_is_decided_twice(clinic: Clinic, state: str) -> None:
    """ST-T: a final state is never left; whoever tries is told from where."""
    transfer = clinic.ask()
    end = {
        "accepted": clinic.accept,
        "refused": clinic.refuse,
        "cancelled": clinic.cancel,
        "expired": clinic.expire,
    }
    assert end[state](transfer).state == state
    others = {
        "accepted": ("accept", clinic.accept),
        "refused": ("refuse", clinic.refuse),
        "cancelled": ("cancel", clinic.cancel),
    }

    for other, (trigger, decide) in others.items():
        if other != state:
            assert decide(transfer).denied == f"ST-T/{trigger}/from_{state}"
    assert clinic.expire(transfer).state == state
    assert clinic.remind(transfer, after=clinic.now - clinic.now).state == state


@pytest.mark.parametrize("who", ["owner", "coordinator", "collaborator", "stranger", "administrator"])
def test_st_t_accept_only_by_the_new_owner(clinic: Clinic, who: str) -> None:
    """ST-T/accept, VIS-11: parties and coordinators are told the rule, others that there is nothing."""
    full = clinic.full_record()
    transfer = clinic.ask(record_id=full.record)
    actors = {
        "owner": clinic.world.owner,
        "coordinator": clinic.world.coordinator,
        "administrator": clinic.world.administrator,
        "collaborator": full.collaborator,
        "stranger": clinic.colleague(),
    }
    told = who in {"owner", "coordinator"}
    for trigger, decide in {"accept": clinic.accept, "refuse": clinic.refuse}.items():
        expected = f"ST-T/{trigger}/not_new_owner" if told else "VIS-11/transfer"
        assert decide(transfer, by=actors[who]).denied == expected
    if not told:
        assert clinic.cancel(transfer, by=actors[who]).denied == "VIS-11/transfer"
    assert clinic.column(transfer, "state") == "pending_acceptance"


def test_everything_moves_only_if_everything_is_allowed(clinic: Clinic) -> None:
    """MOVE-2: a denial inside the transaction leaves no half of a hand-over."""
    full = clinic.full_record()
    transfer = clinic.ask(record_id=full.record, options=EVERYTHING)
    clinic.restrict(title="psychologue")

    clinic.accept(transfer)

    assert clinic.manifest(transfer) == {}
    assert clinic.live(full.record) == (full.holding, clinic.world.owner)
