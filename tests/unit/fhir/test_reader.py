"""Whatever stands in a file, it is read and mapped, or refused with the file, the entry and a reason."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.fhir import files, index
from engine.fhir.index import Index, read_all
from engine.fhir.mapping import Mapper
from tests.integration.fhir.odd import RICH, RIGHT, spoilt

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


def take(file: Path) -> int:
    """Read a file and make what would be written of it; say how many patients it has."""
    found: Index = read_all([file], NOW, lambda _: [], lambda _done, _all: None)
    try:
        mapper = Mapper(found, "fhir", UTC, "fr", NOW)
        for patient in found.of_patient:
            mapper.parcel(patient)
        return len(found.of_patient)
    finally:
        found.close()


def judged(file: Path) -> BadInput | None:
    try:
        take(file)
    except BadInput as refused:
        return refused
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reader")


def test_the_right_bundle_is_right(folder: Path) -> None:
    (folder / "right.json").write_text(json.dumps(RIGHT))

    assert take(folder / "right.json") == 2


@given(content=spoilt())
@settings(max_examples=400, deadline=None)
def test_a_malformed_bundle_is_read_or_refused_with_file_entry_and_reason(
    folder: Path, content: dict[str, Any]
) -> None:
    file = folder / "a.json"
    file.write_text(json.dumps(content))

    refused = judged(file)

    if refused is not None:
        assert refused.key.startswith("bad_input/fhir_")
        assert refused.params["file"] == "a.json"
        if refused.variant != "fhir_not_bundle":
            assert isinstance(refused.params["entry"], int)


@given(data=st.data())
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("name", ["a.json", "a.ndjson", "a.json.gz"])
def test_bytes_that_were_damaged_are_read_or_refused(folder: Path, name: str, data: st.DataObject) -> None:
    body = bytearray(json.dumps(RIGHT).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    file = folder / name
    file.write_bytes(body)

    refused = judged(file)

    assert refused is None or refused.params["file"] == name


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_what_is_no_bundle_at_all_is_refused(folder: Path, content: bytes) -> None:
    file = folder / "b.json"
    file.write_bytes(content)

    assert judged(file) is not None


class TestLimits:
    """What is too large is refused by name before it fills the memory."""

    @pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.ndjson"])
    def test_a_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
        monkeypatch.setattr(files, "LARGEST_FILE", 3000)
        body = json.dumps(RIGHT).encode()
        if name == "a.ndjson":
            body = b"\n".join(json.dumps(resource).encode() for resource in RICH)
        assert len(body) > 3000
        (tmp_path / name).write_bytes(gzip.compress(body) if name.endswith(".gz") else body)

        refused = judged(tmp_path / name)

        assert refused is not None
        assert (refused.key, refused.params["file"]) == ("bad_input/fhir_too_large", name)

    def test_a_line(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(files, "LARGEST_LINE", 400)
        lines = [json.dumps(RICH[0]), json.dumps(RICH[2] | {"language": "x" * 400})]
        (tmp_path / "a.ndjson").write_text("\n".join(lines))

        refused = judged(tmp_path / "a.ndjson")

        assert refused is not None
        assert (refused.key, refused.params["entry"]) == ("bad_input/fhir_too_large", 2)

    def test_a_patient(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(index, "MOST_RESOURCES", 4)
        (tmp_path / "a.json").write_text(json.dumps(RIGHT))

        refused = judged(tmp_path / "a.json")

        assert refused is not None
        assert refused.key == "bad_input/fhir_patient_too_large"
        assert refused.params["resource"] == "Patient/p"

    def test_a_bomb_is_not_unpacked_whole(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(files, "LARGEST_FILE", 2**20)
        (tmp_path / "a.json.gz").write_bytes(gzip.compress(b" " * 2**26))

        refused = judged(tmp_path / "a.json.gz")

        assert refused is not None
        assert refused.key == "bad_input/fhir_too_large"
