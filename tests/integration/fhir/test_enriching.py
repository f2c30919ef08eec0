"""``--enrich``: what the source lacks is invented, once, by the same rules, and marked; on both databases."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from engine.desk.desk import Desk
from engine.errors import Denied, NotFound
from engine.fhir.enriching import Enricher
from engine.fhir.importing import Report, import_fhir
from engine.records.database import Database
from engine.states.choices import Options
from tests.checker.checking import check
from tests.integration.fhir import bundles
from tests.integration.handover.clinic import Clinic, hurried
from tests.postgresql.places import Place

SEED = 7
PATIENTS = ("a", "b", "c", "d", "e", "f")


class Trial:
    """A clinic into which six patients are imported."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.database: Database = hurried(place)
        self.clinic = Clinic(self.database)
        self.desk = Desk(self.database)
        self.folder = folder
        (folder / "a.json").write_text(json.dumps(bundles.of_patients(*PATIENTS)))

    def run(self, seed: int | None = SEED, **more: Any) -> Report:  # noqa: ANN401
        return import_fhir(self.desk, self.clinic.world.administrator, [self.folder], seed=seed, **more)

    def rows(self, query: str, **given: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
        return [tuple(row) for row in self.clinic.rows(query, **given)]

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        tables = (
            *("notes", "documents", "raw_data", "tasks", "memos", "appointments", "shares", "restrictions"),
            *("imported", "events", "members", "content"),
        )
        return {table: sorted(self.rows(f"SELECT * FROM {table}"), key=str) for table in tables}


@pytest.fixture
def trial(place: Place, tmp_path: Path) -> Iterator[Trial]:
    folder = tmp_path / "in"
    folder.mkdir()
    found = Trial(place, folder)
    yield found
    found.database.close()


INVENTED = "SELECT became, count(*) FROM imported WHERE resource_type = 'x-invented' GROUP BY became"


def test_what_was_overlaid_is_counted_marked_and_by_the_rules(trial: Trial) -> None:
    """MOVE-T, VIS-6, ELIG-4: the checker finds nothing, and `imported` names every invented thing."""
    report = trial.run()
    rows = dict(trial.rows(INVENTED))

    assert report.enriched == len(PATIENTS)
    assert rows.pop("record") == len(PATIENTS)
    assert rows.pop("member") == report.members - 1 == 3
    assert report.invented["share"] == rows["share"] == 3 * len(PATIENTS)
    assert report.invented["restriction"] == rows["restriction"] > 0
    (private,) = trial.rows(
        "SELECT (SELECT count(*) FROM notes WHERE author_only) + (SELECT count(*) FROM documents WHERE"
        " author_only)"
    )
    assert private == (2 * len(PATIENTS),)
    assert report.invented.total() == sum(rows.values()) - private[0]
    assert {
        *("draft_note", "confidential_note", "confidential_document"),
        *("raw_data", "task", "memo", "upcoming_appointment", "collaborator_appointment", "note"),
    } <= set(report.invented)
    assert check(trial.place.file()) == []


def test_what_came_from_the_source_is_not_marked(trial: Trial) -> None:
    trial.run()
    notes = trial.rows(
        "SELECT i.resource_type, c.body FROM notes n JOIN content c ON c.sha256 = n.sha256"
        " JOIN imported i ON i.became_id = n.item_id"
    )

    assert all((kind == "x-invented") == (b"invented-7" in bytes(body)) for kind, body in notes)
    assert {kind for kind, _ in notes} == {"x-invented", "DocumentReference"}


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_a_second_run_adds_nothing(trial: Trial, seed: int) -> None:
    trial.run()
    before = trial.everything()

    again = trial.run(seed)

    assert trial.everything() == before
    assert (again.enriched, again.invented.total(), again.imported_before) == (0, 0, len(PATIENTS))


def test_an_import_and_its_overlay_later_give_what_one_run_gives(trial: Trial) -> None:
    """Resumable: a record that is here and not overlaid yet is overlaid by the next run."""
    trial.run(None)
    assert dict(trial.rows(INVENTED)) == {}
    later = trial.run()
    texts = "SELECT body FROM content WHERE organization_id = :id"
    here = {bytes(row[0]) for row in trial.rows(texts, id=trial.clinic.world.organization)}
    elsewhere = Clinic(trial.database)
    import_fhir(trial.desk, elsewhere.world.administrator, [trial.folder], seed=SEED)
    there = {bytes(row[0]) for row in trial.rows(texts, id=elsewhere.world.organization)}

    assert later.enriched == len(PATIENTS)
    assert {b for b in here if b"invented-7" in b} == {b for b in there if b"invented-7" in b} != set()
    actions = trial.rows("SELECT action, count(*) FROM events GROUP BY action")
    assert dict(actions)["import.enrich"] == 2 * len(PATIENTS)
    assert check(trial.place.file()) == []


def test_a_record_that_somebody_works_with_is_left_alone(trial: Trial) -> None:
    """VIS-4, MOVE-4: asked for, handed over or archived, nothing is invented in it."""
    owner = trial.clinic.world.owner
    trial.run(None, owner_id=owner)
    records = [UUID(row[0]) for row in trial.rows("SELECT became_id FROM imported WHERE became = 'record'")]
    trial.clinic.ask(record_id=records[0])
    trial.clinic.hand_over(Options(), record=records[1])
    trial.desk.archive(owner, records[2])

    report = trial.run(owner_id=owner)

    assert (report.enriched, report.in_use) == (len(PATIENTS) - 3, 3)
    overlaid = trial.rows(
        "SELECT DISTINCT record_id FROM imported WHERE resource_type = 'x-invented' AND record_id IS NOT NULL"
    )
    assert {UUID(row[0]) for row in overlaid} == set(records[3:])


@pytest.mark.parametrize("who", ["coordinator", "owner"])
def test_only_an_administrator_overlays(trial: Trial, who: str) -> None:
    """ROLE-4: also the record of somebody who is responsible for it."""
    owner = trial.clinic.world.owner
    trial.run(None, owner_id=owner)
    overlay = Enricher("fhir", SEED, "fr", datetime.now(UTC)).overlay(("Patient", "a"))

    with pytest.raises(Denied, match="ROLE-4/administrator"):
        trial.desk.enrich_patient(getattr(trial.clinic.world, who), overlay)

    assert trial.rows(INVENTED) == []


def test_an_overlay_of_nobody_finds_nothing(trial: Trial) -> None:
    """VIS-8: what another organization imported is not there."""
    trial.run(None)
    overlay = Enricher("fhir", SEED, "fr", datetime.now(UTC)).overlay(("Patient", "a"))

    with pytest.raises(NotFound):
        trial.desk.enrich_patient(Clinic(trial.database).world.administrator, overlay)


def test_what_was_invented_and_destroyed_is_not_invented_again(trial: Trial) -> None:
    """MOVE-6."""
    trial.run()
    before = trial.rows(INVENTED)
    with trial.database.write() as session:
        session.execute(text("DELETE FROM tasks"))

    trial.run()

    assert trial.rows("SELECT * FROM tasks") == []
    assert trial.rows(INVENTED) == before
