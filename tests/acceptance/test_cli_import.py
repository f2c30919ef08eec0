"""An import that dies in the middle: SIGKILL, then the same command again."""

import json
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import ADMIN, LEA, SCRIPT, Cli, environment
from tests.checker.checking import check

PATIENTS = 60
OBSERVATIONS = 40


def _bundle(number: int) -> dict[str, Any]:
    patient = f"patient-{number}"
    found = {"resourceType": "Patient", "id": patient, "name": [{"family": f"F{number}", "given": ["A"]}]}
    seen = [
        {
            "resourceType": "Observation",
            "id": f"seen-{number}-{each}",
            "status": "final",
            "code": {"text": "taille"},
            "subject": {"reference": f"Patient/{patient}"},
            "effectiveDateTime": "2024-05-04T10:00:00Z",
        }
        for each in range(OBSERVATIONS)
    ]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": resource} for resource in (found, *seen)],
    }


def _counts(file: Path) -> tuple[int, int, int]:
    """Count patients, documents and the log's lines of an import; nothing where the file is busy or new."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        tables = (
            "imported WHERE resource_type = 'Patient' AND became = 'record'",
            "documents",
            "events WHERE action = 'import.patient'",
        )
        first, second, third = (db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
        return first, second, third


@pytest.mark.slow
@pytest.mark.usefixtures("record")
@pytest.mark.parametrize(("after", "seed"), [(1, None), (17, 7), (45, None)])
def test_a_killed_import_goes_on_where_it_was(cli: Cli, tmp_path: Path, after: int, seed: int | None) -> None:
    """A patient is there whole, with what was invented, or not at all; the others come, and none twice."""
    for number in range(PATIENTS):
        (tmp_path / f"{number:03}.json").write_text(json.dumps(_bundle(number)))
    before = _counts(cli.database)
    line = ["import", "fhir", str(tmp_path), "--as", ADMIN, "--owner", LEA]
    line += [] if seed is None else ["--enrich", str(seed)]
    # The patient's own JSON is a document too, and two are invented.
    documents = OBSERVATIONS + (1 if seed is None else 3)
    with subprocess.Popen(
        [SCRIPT, *line, "--data", str(cli.data)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        until = time.monotonic() + 60
        while _counts(cli.database)[0] < after:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.001)
        process.kill()
    killed = _counts(cli.database)

    assert process.returncode == -9
    assert after <= killed[0] < PATIENTS
    assert killed[2] == killed[0]
    assert killed[1] - before[1] == killed[0] * documents
    assert cli(*line).code == 0
    whole = _counts(cli.database)
    assert (whole[0], whole[1] - before[1]) == (PATIENTS, PATIENTS * documents)
    assert cli(*line).code == 0
    assert _counts(cli.database) == whole
    assert check(cli.database) == []


@pytest.mark.usefixtures("record")
def test_the_summary_says_what_was_invented(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(_bundle(1)))
    line = ["import", "fhir", str(tmp_path), "--as", ADMIN, "--owner", LEA, "--enrich", "7"]

    told = cli(*line, "--lang", "en").out
    again = cli(*line, "--json").json

    assert "Invented for trials:" in told
    assert "confidential notes" in told
    assert (again["enriched"], again["left_alone"], again["invented"]) == (0, 0, {})
    assert cli(*line[:-1], "-1").code == 2
