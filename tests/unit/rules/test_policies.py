"""The table of policies: what may be typed, what is denied, and the page that shows it."""

from datetime import timedelta
from pathlib import Path

import pytest

from engine.catalogue import labels, sentence
from engine.errors import BadInput
from engine.rules import policies

DOCS = Path(__file__).parents[3] / "docs" / "policies.md"
READ = [
    ("answer-within", ["14"], timedelta(days=14)),
    ("answer-within", ["36h"], timedelta(hours=36)),
    ("answer-within", ["365j"], timedelta(days=365)),
    ("reminders", ["3", "7d"], [timedelta(days=3), timedelta(days=7)]),
    ("reminders", ["none"], []),
    ("basis-required", ["oui"], True),
    ("basis_required", ["no"], False),
    ("raw-data-titles", ["Psychologue", "Travailleuse sociale"], ["Psychologue", "Travailleuse sociale"]),
    ("raw-data-titles", ["aucun"], []),
    ("grace-days", ["1"], 1),
    ("retention-years", ["100"], 100),
]
DENIED = [
    ("answer-within", ["0"], "policy_duration"),
    ("answer-within", ["366"], "policy_duration"),
    ("answer-within", ["-3"], "policy_duration"),
    ("answer-within", ["999999999"], "policy_duration"),
    ("answer-within", ["3", "7"], "policy_duration"),
    ("answer-within", ["soon"], "policy_duration"),
    ("reminders", ["3", "0s"], "policy_durations"),
    ("reminders", ["1"] * 101, "policy_durations"),
    ("basis-required", ["maybe"], "policy_flag"),
    ("raw-data-titles", ["t"] * 101, "policy_titles"),
    ("grace-days", ["0"], "policy_number"),
    ("grace-days", ["3651"], "policy_number"),
    ("grace-days", ["٣"], "policy_number"),
    ("retention-years", ["4.5"], "policy_number"),
]


@pytest.mark.parametrize(("name", "words", "value"), READ)
def test_what_is_typed_is_read_and_shown_again(name: str, words: list[str], value: policies.Value) -> None:
    policy = policies.named(name)

    assert policies.read(policy, words) == value
    assert policies.read(policy, policies.shown(value).split(" ") if words != READ[7][1] else words) == value


@pytest.mark.parametrize(("name", "words", "why"), DENIED)
def test_what_is_out_of_range_names_the_range(name: str, words: list[str], why: str) -> None:
    policy = policies.named(name)

    with pytest.raises(BadInput) as denied:
        policies.read(policy, words)

    assert denied.value.variant == why
    told = sentence(denied.value, "en")
    assert policy.typed_name in told
    for bound in (policy.least, policy.most):
        assert bound is None or policies.shown(bound) in told


def test_an_unknown_name_lists_those_that_exist() -> None:
    with pytest.raises(BadInput, match="policy_unknown") as denied:
        policies.named("colour")

    assert "grace-days" in sentence(denied.value, "fr")


@pytest.mark.parametrize("policy", policies.TABLE, ids=lambda policy: policy.name)
def test_a_default_is_in_its_own_range_and_its_meaning_is_told(policy: policies.Policy) -> None:
    assert policies.checked(policy, policy.default) == policy.default
    assert f"policy/{policy.typed_name}" in labels("fr")


def test_defaults_are_those_of_the_domain() -> None:
    """ST-1, ST-3, OVR-1, ELIG-9 and MOVE-6."""
    defaults = {policy.name: policies.shown(policy.default) for policy in policies.TABLE}

    assert defaults == {
        "answer_within": "14d",
        "reminders": "3d 7d",
        "basis_required": "no",
        "raw_data_titles": "none",
        "impose_allowed": "yes",
        "coordinator_may_receive": "no",
        "remind_coordinators": "3d",
        "announce_practitioner": "no",
        "hold_cancellations": "no",
        "grace_days": "30",
        "retention_years": "5",
    }


def test_committed_page_is_the_generated_one(tmp_path: Path) -> None:
    """A change of the table changes docs/policies.md: `python -m engine.rules.policies docs/policies.md`."""
    policies.main([str(tmp_path / "policies.md")])

    assert DOCS.read_text(encoding="utf-8") == (tmp_path / "policies.md").read_text(encoding="utf-8")
