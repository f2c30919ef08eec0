"""One thing wrong anywhere: nothing is written, and the error says where, without content."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from engine.desk.desk import Desk
from engine.errors import BadInput
from engine.fhir.importing import Report, import_fhir
from engine.records.database import Database
from tests import build

SECRET = "Tremblay"
Run = Callable[[], Report]


def bundle(*more: dict[str, Any], patient: dict[str, Any] | None = None) -> dict[str, Any]:
    resources: list[dict[str, Any]] = [
        {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Roy", "given": ["Ana"]}]},
        {"resourceType": "Patient", "id": "p", "name": [{"family": SECRET}], **(patient or {})},
        {
            "resourceType": "Encounter",
            "id": "e",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": {"reference": "Patient/p"},
            "participant": [{"individual": {"reference": "Practitioner/d"}}],
            "period": {"start": "2020-01-01T10:00:00Z", "end": "2020-01-01T11:00:00Z"},
        },
        *more,
    ]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": resource} for resource in resources],
    }


def observation(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/p"}, **more}


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"extension": [found]}
    return found


@pytest.fixture
def world(database: Database) -> build.World:
    with database.write() as session:
        return build.world(session)


@pytest.fixture
def run(database: Database, world: build.World, tmp_path: Path) -> Run:
    folder = tmp_path / "in"
    folder.mkdir()
    return lambda: import_fhir(Desk(database), world.administrator, [folder])


def rows(database: Database) -> int:
    with database.read() as session:
        return int(session.scalar(text("SELECT count(*) FROM imported")) or 0)


WRONG: dict[str, tuple[str, bytes]] = {
    "truncated": ("fhir_truncated", json.dumps(bundle()).encode()[:-40]),
    "no json": ("fhir_not_json", b"hello"),
    "no json: a name twice": ("fhir_not_json", b'{"resourceType": "Bundle", "a": 1, "a": 2}'),
    "no type": ("fhir_no_type", b"{}"),
    "no bundle": ("fhir_not_bundle", b'{"resourceType": "Patient", "id": "p"}'),
    "too deep": ("fhir_too_deep", json.dumps(bundle(observation(**nested(40)))).encode()),
    "far too deep": ("fhir_too_deep", b"[" * 500_000),
    "unknown type": ("fhir_not_r4", json.dumps(bundle({"resourceType": "Nonsense", "id": "x"})).encode()),
    "of R5": (
        "fhir_not_r4",
        json.dumps(bundle({"resourceType": "Encounter", "id": "x", "class": [{}]})).encode(),
    ),
    "no id": ("fhir_id", json.dumps(bundle({"resourceType": "Observation"})).encode()),
    "dangling": (
        "fhir_reference",
        json.dumps(bundle(observation(encounter={"reference": "Encounter/gone"}))).encode(),
    ),
    "dangling, conditional": (
        "fhir_reference_inside",
        json.dumps(bundle(observation(x={"reference": "Practitioner?identifier=npi|1"}))).encode(),
    ),
    "dangling inside": (
        "fhir_reference",
        json.dumps(bundle(observation(x={"reference": "#gone"}))).encode(),
    ),
    "twice": ("fhir_twice", json.dumps(bundle(observation(), observation(status="final"))).encode()),
    "base64": (
        "fhir_base64",
        json.dumps(bundle(observation(valueAttachment={"data": "a$b="}))).encode(),
    ),
    "impossible day": ("fhir_date", json.dumps(bundle(patient={"birthDate": "2019-02-30"})).encode()),
    "ends before": (
        "fhir_period",
        json.dumps(
            bundle(observation(effectivePeriod={"start": "2020-02-02", "end": "2020-02-01"}))
        ).encode(),
    ),
    "nobody responsible": (
        "fhir_no_owner",
        json.dumps(bundle({"resourceType": "Patient", "id": "q"})).encode(),
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_wrong_is_refused_whole(
    database: Database, run: Run, tmp_path: Path, wrong: str, packed: bool
) -> None:
    code, content = WRONG[wrong]
    (tmp_path / "in" / "a.json").write_text(json.dumps(bundle()))
    name = "b.json.gz" if packed else "b.json"
    (tmp_path / "in" / name).write_bytes(gzip.compress(content) if packed else content)

    with pytest.raises(BadInput) as refused:
        run()

    assert refused.value.key == f"bad_input/{code}"
    assert refused.value.params["file"] == name
    assert SECRET not in str(refused.value.params)
    assert rows(database) == 0


def test_a_packed_file_that_is_cut_short_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in" / "b.json.gz").write_bytes(gzip.compress(json.dumps(bundle()).encode())[:-12])
    with pytest.raises(BadInput, match="fhir_truncated"):
        run()


def test_lines_are_read_as_a_bundle_is(database: Database, run: Run, tmp_path: Path) -> None:
    lines = [json.dumps(entry["resource"]) for entry in bundle(observation())["entry"]]
    (tmp_path / "in" / "a.ndjson").write_text("\n".join(lines))

    assert run().read == {"Practitioner": 1, "Patient": 1, "Encounter": 1, "Observation": 1}


def test_digits_of_a_decimal_are_kept(database: Database, run: Run, tmp_path: Path) -> None:
    written = json.dumps(bundle(observation(valueDecimal="@"))).replace('"@"', "1.500")
    (tmp_path / "in" / "a.json").write_text(written)
    run()
    with database.read() as session:
        body = session.scalar(
            text(
                "SELECT c.body FROM content c JOIN documents d ON d.sha256 = c.sha256"
                " WHERE d.name = 'Observation-o.json'"
            )
        )

    assert body == (
        b'{"id":"o","resourceType":"Observation","subject":{"reference":"Patient/p"},"valueDecimal":1.500}'
    )


def test_what_changed_or_came_later_is_told_and_not_written(
    database: Database, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "in" / "a.json"
    file.write_text(json.dumps(bundle(observation())))
    run()
    before = rows(database)
    file.write_text(json.dumps(bundle(observation(status="amended"), observation() | {"id": "new"})))

    report = run()

    assert (list(report.changed), list(report.later)) == (["Observation/o"], ["Observation/new"])
    assert rows(database) == before


@pytest.mark.parametrize(
    "spoil",
    [
        "DELETE FROM imported",
        "UPDATE imported SET sha256 = ''",
        "UPDATE imported SET sha256 = NULL, became_id = 'another'",
        "INSERT OR REPLACE INTO imported SELECT * FROM imported",
    ],
)
def test_what_was_imported_is_never_forgotten(
    database: Database, run: Run, tmp_path: Path, spoil: str
) -> None:
    """MOVE-6."""
    (tmp_path / "in" / "a.json").write_text(json.dumps(bundle()))
    run()

    def write() -> None:
        with database.write() as session:
            session.execute(text(spoil))

    with pytest.raises(IntegrityError, match="MOVE-6: "):
        write()
