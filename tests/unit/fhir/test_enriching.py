"""What is invented for a trial: the same for a seed, something of every class, and marked as invented."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.catalogue import labels
from engine.fhir.enriching import SENTENCES, Enricher, mark
from engine.records.enriching import Overlay
from engine.records.imported import INVENTED
from engine.records.tables.base import Became, NoteState

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
PATIENTS = [("Patient", f"p{number}") for number in range(40)]


def overlay(seed: int = 7, patient: tuple[str, str] = PATIENTS[0], language: str = "fr") -> Overlay:
    return Enricher("fhir", seed, language, NOW).overlay(patient)


def test_a_seed_invents_the_same_again_and_for_a_patient_alone() -> None:
    together = Enricher("fhir", 7, "fr", NOW)

    assert [together.overlay(patient) for patient in PATIENTS] == [
        overlay(patient=patient) for patient in PATIENTS
    ]


def test_another_seed_or_another_patient_gets_something_else() -> None:
    texts = [
        frozenset(thing.body for thing in found.things if thing.body is not None)
        for found in (overlay(), overlay(8), overlay(patient=PATIENTS[1]))
    ]

    assert all(one.isdisjoint(other) for one in texts for other in texts if one is not other)


@pytest.mark.parametrize("patient", PATIENTS)
def test_there_is_something_of_every_class_that_a_source_lacks(patient: tuple[str, str]) -> None:
    """VIS-6, VIS-10, ELIG-5, MOVE-T."""
    found = overlay(patient=patient)
    of = {(thing.became, thing.author is None) for thing in found.things}
    notes = [thing for thing in found.things if thing.became is Became.NOTE]
    states = {(thing.columns["state"], thing.author is None) for thing in notes}
    private = [thing for thing in found.things if thing.columns.get("author_only")]

    assert {Became.RAW_DATA, Became.TASK, Became.MEMO} <= {became for became, of_owner in of if of_owner}
    assert {(Became.APPOINTMENT, True), (Became.APPOINTMENT, False)} <= of
    assert {(NoteState.DRAFT, True), (NoteState.DRAFT, False), (NoteState.WAITING_APPROVAL, False)} <= states
    assert {thing.became for thing in private} == {Became.NOTE, Became.DOCUMENT}
    assert all(thing.author is not None and thing.columns["confidential"] for thing in private)
    assert any(thing.columns["confidential"] and thing.author is None for thing in notes)
    assert len(found.shares) == len({share.access for share in found.shares}) == 3
    starts = [t.columns["starts_at"] for t in found.things if t.became is Became.APPOINTMENT]
    assert min(starts) > NOW + timedelta(days=1)


def test_some_clients_do_not_want_a_person_some_a_title_and_some_nobody() -> None:
    """ELIG-4."""
    kinds = {
        next((named.colleague is None for named in overlay(patient=patient).restrictions), None)
        for patient in PATIENTS
    }

    assert kinds == {True, False, None}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_everything_says_that_it_is_invented(language: str) -> None:
    for patient in PATIENTS:
        found = overlay(patient=patient, language=language)
        sources = [
            *(thing.source for thing in found.things),
            *(share.source for share in found.shares),
            *(restriction.source for restriction in found.restrictions),
        ]

        assert {kind for kind, _ in sources} == {INVENTED}
        assert len(set(sources)) == len(sources)
        assert all(mark(7).encode() in thing.body for thing in found.things if thing.body is not None)
        assert all(mark(7) in thing.columns["name"] for thing in found.things if "name" in thing.columns)
        assert all(mark(7) in restriction.basis for restriction in found.restrictions)
        assert all(person.made_email.startswith("invented-") for person in found.colleagues)


def test_every_word_is_in_both_catalogues() -> None:
    words = {
        *(f"sentence_{number}" for number in range(1, SENTENCES + 1)),
        *("title_reader", "title_writer", "title_full", "title_nobody", "surname", "said"),
    }

    for language in ("fr", "en"):
        there = {key.removeprefix("invented/") for key in labels(language) if key.startswith("invented/")}
        assert there == words


def test_two_sources_have_colleagues_of_their_own() -> None:
    one, other = overlay(), Enricher("elsewhere", 7, "fr", NOW).overlay(PATIENTS[0])

    assert not {p.made_email for p in one.colleagues} & {p.made_email for p in other.colleagues}
    assert [replace(p, made_email="") for p in one.colleagues] == [
        replace(p, made_email="") for p in other.colleagues
    ]
