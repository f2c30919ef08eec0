"""What refers to what: inside one input in every form, to earlier imports by type and id, or refused."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from engine.desk.desk import Desk
from engine.errors import BadInput, Denied
from engine.fhir.importing import Report, import_fhir
from engine.records.database import Database
from tests import build
from tests.integration.fhir import bundles
from tests.integration.fhir.bundles import bundle, practitioner, resources


class Imports:
    """An organization, and files that are imported one after the other."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.desk = Desk(database)
        self.folder = folder
        with database.write() as session:
            self.world = build.world(session)

    def run(self, content: dict[str, Any], **more: Any) -> Report:  # noqa: ANN401
        file = self.folder / "a.json"
        file.write_text(json.dumps(content))
        return import_fhir(self.desk, self.world.administrator, [file], **more)

    def refused(self, content: dict[str, Any], **more: Any) -> BadInput:  # noqa: ANN401
        before = self.rows("SELECT count(*) FROM imported")
        with pytest.raises(BadInput) as told:
            self.run(content, **more)
        assert self.rows("SELECT count(*) FROM imported") == before
        return told.value

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.read() as session:
            return [tuple(row) for row in session.execute(text(query))]

    def notes(self) -> set[tuple[bytes, str, str]]:
        """Give each imported note's bytes, its author and the owner of its record."""
        return {
            (bytes(body), author, owner)
            for body, author, owner in self.rows(
                "SELECT c.body, n.author_id, h.owner_id FROM imported i"
                " JOIN notes n ON n.item_id = i.became_id"
                " JOIN holdings h ON h.id = n.holding_id JOIN content c ON c.sha256 = n.sha256"
            )
        }

    def member(self) -> str:
        ((found,),) = self.rows("SELECT became_id FROM imported WHERE became = 'member'")
        return str(found)


@pytest.fixture
def imports(database: Database, tmp_path: Path) -> Imports:
    return Imports(database, tmp_path)


OF_EARLIER = ["Practitioner/d", "Practitioner/d/_history/2", "https://elsewhere.example/fhir/Practitioner/d"]
INSIDE = [*OF_EARLIER, "urn:uuid:d", "Practitioner?identifier=npi|1-d", "Practitioner?identifier=1-d"]


@pytest.mark.parametrize("reference", INSIDE)
def test_inside_one_input_every_form_leads_to_the_practitioner(imports: Imports, reference: str) -> None:
    imports.run(bundle(practitioner(), *resources("a", reference), urls=True))
    member = imports.member()

    assert imports.notes() == {(bundles.note_text("a"), member, member)}


@pytest.mark.parametrize("reference", OF_EARLIER)
def test_an_earlier_practitioner_is_the_member_that_they_became(imports: Imports, reference: str) -> None:
    imports.run(bundles.of_patients("a"))
    report = imports.run(bundle(*resources("b", reference)))
    member = imports.member()

    assert (len(report.records), report.members) == (1, 0)
    assert imports.notes() == {
        (bundles.note_text("a"), member, member),
        (bundles.note_text("b"), member, member),
    }


@pytest.mark.parametrize("reference", ["urn:uuid:d", "Practitioner?identifier=npi|1-d"])
def test_what_holds_within_one_input_only_is_refused_by_that_name(imports: Imports, reference: str) -> None:
    imports.run(bundles.of_patients("a"))

    refused = imports.refused(bundle(*resources("b", reference)))

    assert refused.key == "bad_input/fhir_reference_inside"
    assert refused.params == {"file": "a.json", "entry": 2, "resource": "Encounter/b-e"}


def test_an_identifier_that_two_have_is_refused(imports: Imports) -> None:
    twin = practitioner("e") | {"identifier": practitioner()["identifier"]}
    content = bundle(practitioner(), twin, *resources("a", "Practitioner?identifier=npi|1-d"))

    assert imports.refused(content).key == "bad_input/fhir_reference_inside"


def test_another_source_is_another_system(imports: Imports) -> None:
    imports.run(bundles.of_patients("a"), source="here")

    refused = imports.refused(bundle(*resources("b")), source="there")

    assert refused.key == "bad_input/fhir_reference"


def test_an_earlier_practitioner_who_left_does_not_become_responsible(imports: Imports) -> None:
    """ROLE-4: told before anything is written."""
    imports.run(bundles.of_patients("a"))
    imports.desk.deactivate(imports.world.administrator, UUID(imports.member()))
    before = imports.rows("SELECT count(*) FROM imported")

    with pytest.raises(Denied, match="ROLE-4/import_owner"):
        imports.run(bundle(*resources("b")))

    assert imports.rows("SELECT count(*) FROM imported") == before


def test_what_is_about_an_earlier_patient_is_told_as_new(imports: Imports) -> None:
    imports.run(bundles.of_patients("a"))
    seen = {"resourceType": "Observation", "id": "s", "subject": {"reference": "Patient/a"}}

    report = imports.run(bundle(seen, practitioner(), *resources("b")))

    assert list(report.later) == ["Observation/s"]
    assert report.skipped["Observation"] == {"later": 1}


def test_bad_titles_stop_nothing_halfway(imports: Imports) -> None:
    """A name of control characters is replaced; the patients before it and after it are written."""
    found = resources("b")
    found[2]["content"][0]["attachment"] |= {"title": "\u0001\u2028", "contentType": "\u0000"}
    imports.run(bundle(practitioner(), *resources("a"), *found))

    assert imports.rows("SELECT name, media_type FROM documents WHERE name = 'DocumentReference-b-n'") == [
        ("DocumentReference-b-n", "application/octet-stream")
    ]
