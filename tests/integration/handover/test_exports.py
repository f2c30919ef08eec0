"""An export holds what its reader may see, byte for byte, and nothing else (VIS-1 to VIS-8, AUD-3)."""

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from engine.desk.desk import Desk
from engine.errors import BadInput, EngineError, Unavailable
from engine.rules.content import ContentClass
from engine.states.choices import Options, WhichCopy
from tests import build
from tests.integration.handover.clinic import EVERYTHING, Clinic

C = ContentClass


def _export(clinic: Clinic, actor: UUID, record: UUID, target: Path, **more: Any) -> Any:  # noqa: ANN401
    Desk(clinic.database).export_record(actor, record, target, language="fr", **more)
    return json.loads((target / "index.json").read_text())


def _ids(index: Any) -> set[UUID]:  # noqa: ANN401
    return {UUID(item["id"]) for item in index["items"]}


def _denied(clinic: Clinic, actor: UUID, record: UUID, target: Path) -> str:
    with pytest.raises(EngineError) as denied:
        _export(clinic, actor, record, target)
    assert not list(target.parent.glob(f"*{target.name}*"))
    return denied.value.key


@pytest.mark.parametrize("who", ["owner", "collaborator"])
def test_vis_6_a_reader_gets_what_they_see_byte_for_byte(clinic: Clinic, tmp_path: Path, who: str) -> None:
    """VIS-6: a collaborator's confidential items are in their own export alone."""
    full = clinic.full_record()
    actor = clinic.world.owner if who == "owner" else full.collaborator
    target = tmp_path / "out"

    index = _export(clinic, actor, full.record, target)

    assert _ids(index) == clinic.sees(actor, full.record)
    secret = {str(item) for item in full.of(C.COLLABORATOR_CONFIDENTIAL)}
    everything = "".join(str(file) + file.read_text(errors="replace") for file in target.rglob("*.*"))
    assert {item in everything for item in secret} == {who == "collaborator"}
    listed = {item["file"]: item for item in index["items"] if item["file"]}
    files = {str(f.relative_to(target)) for f in target.rglob("*") if f.is_file()}
    assert files == {*listed, "index.json", "index.html"}
    stored = dict(clinic.rows("SELECT sha256, body FROM content"))
    for name, item in listed.items():
        body = (target / name).read_bytes()
        assert body == stored[item["sha256"]]
        assert (item["sha256"], item["size"]) == (hashlib.sha256(body).hexdigest(), len(body))
    assert {f.stat().st_mode & 0o777 for f in target.rglob("*") if f.is_file()} == {0o600}
    assert {f.stat().st_mode & 0o777 for f in (target, target / "record")} == {0o700}


def test_vis_7_a_copy_is_exported_as_it_stood(clinic: Clinic, tmp_path: Path) -> None:
    """VIS-7, AUD-3: the previous owner has nothing that came later; the new one has it."""
    full, world = clinic.full_record(), clinic.world
    clinic.hand_over(EVERYTHING, record=full.record)
    with clinic.database.write() as session:
        later = build.note(session, clinic.live(full.record)[0], body="écrit après")

    old = _export(clinic, world.owner, full.record, tmp_path / "old", copy=WhichCopy())
    new = _export(clinic, world.new_owner, full.record, tmp_path / "new")

    assert _ids(old) == clinic.sees(world.owner, full.record)
    assert {item["copy"] for item in old["items"]} == {str(full.holding)}
    assert _ids(new) == clinic.sees(world.new_owner, full.record)
    assert later in _ids(new) - _ids(old)
    lines = clinic.rows("SELECT actor_id, record_id FROM events WHERE action = 'record.export' ORDER BY seq")
    assert lines == [(str(who), str(full.record)) for who in (world.owner, world.new_owner)]


def test_vis_11_nobody_else_exports_anything(clinic: Clinic, tmp_path: Path) -> None:
    """VIS-1, VIS-3, VIS-4, VIS-8, VIS-11: nor is there a trace of a folder."""
    full, world, target = clinic.full_record(), clinic.world, tmp_path / "out"
    foreign = Clinic(clinic.database).world.owner
    transfer = clinic.ask(record_id=full.record, options=Options(keep_copy=False))

    assert _denied(clinic, world.new_owner, full.record, target) == "VIS-3"
    assert _denied(clinic, full.collaborator, full.record, target) == "VIS-4/collaborator"
    assert _denied(clinic, world.coordinator, full.record, target) == "VIS-1"
    for who in (world.administrator, clinic.colleague(), foreign):
        assert _denied(clinic, who, full.record, target) == "VIS-11/record"
        assert _denied(clinic, who, uuid4(), target) == "VIS-11/record"
    clinic.accept(transfer)
    assert _denied(clinic, world.owner, full.record, target) == "VIS-11/record"
    assert not clinic.rows("SELECT 1 FROM events WHERE action = 'record.export' AND outcome = 'allowed'")


def test_aud_3_an_export_of_a_frozen_record_names_the_transfer(clinic: Clinic, tmp_path: Path) -> None:
    full = clinic.full_record()
    transfer = clinic.ask(record_id=full.record)

    _export(clinic, clinic.world.owner, full.record, tmp_path / "out")

    assert [line for line in clinic.lines(transfer) if line[0].startswith("record.")] == [
        ("record.export", "allowed", None)
    ]


def test_names_and_titles_steer_nothing(clinic: Clinic, tmp_path: Path) -> None:
    """A document's name is no path, a text is no markup, a page that a browser would run is no page."""
    record = clinic.world.record
    desk = Desk(clinic.database)
    desk.add_document(
        clinic.world.owner, record, b"<script>1</script>", name="../../up/<b>x", media_type="text/html"
    )
    desk.add_note(clinic.world.owner, record, "<script>alert(1)</script>\x1b[2J")

    index = _export(clinic, clinic.world.owner, record, tmp_path / "out")

    page = (tmp_path / "out" / "index.html").read_text()
    assert "<script" not in page
    assert "\x1b" not in page
    assert "<b>x" not in page
    (name,) = [item["file"] for item in index["items"] if item["class"] == "document"]
    assert name == f"record/document-{Path(name).stem.removeprefix('document-')}.bin"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["out"]


def test_nothing_is_overwritten(clinic: Clinic, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    _export(clinic, clinic.world.owner, clinic.world.record, target)
    before = sorted(target.rglob("*"))

    for taken in (target, target / "index.json", tmp_path / "missing" / "out"):
        with pytest.raises(BadInput):
            _export(clinic, clinic.world.owner, clinic.world.record, taken)
    assert sorted(target.rglob("*")) == before


def test_an_export_that_fails_leaves_nothing(clinic: Clinic, tmp_path: Path) -> None:
    """Bytes that do not match their digest end it: what lacks something must not pass for whole."""
    full, target = clinic.full_record(), tmp_path / "out"

    def fail(done: int, _total: int) -> None:
        if done == 5:
            raise Unavailable("database_damaged")

    with pytest.raises(Unavailable):
        _export(clinic, clinic.world.owner, full.record, target, progress=fail)
    assert not list(tmp_path.glob("*out*"))


def test_a_document_is_exported_byte_for_byte(clinic: Clinic, tmp_path: Path) -> None:
    """VIS-6, VIS-11: somebody else's confidential one reads as none."""
    full, desk, target = clinic.full_record(), Desk(clinic.database), tmp_path / "file"
    document = min(full.items[C.DOCUMENT])
    secret = min(full.items[C.COLLABORATOR_CONFIDENTIAL])
    ((body,),) = clinic.rows(
        "SELECT c.body FROM content c JOIN documents d USING (sha256) WHERE d.item_id = :id", id=document
    )

    desk.export_document(clinic.world.owner, full.record, document, target)

    assert target.read_bytes() == body
    assert target.stat().st_mode & 0o777 == 0o600
    for hidden in (secret, uuid4()):
        with pytest.raises(EngineError) as denied:
            desk.export_document(clinic.world.owner, full.record, hidden, tmp_path / "other")
        assert denied.value.key == "VIS-11/document"
    with pytest.raises(BadInput):
        desk.export_document(clinic.world.owner, full.record, document, target)
    lines = clinic.rows("SELECT outcome FROM events WHERE action = 'document.export' ORDER BY seq")
    assert lines == [("allowed",), ("denied",), ("denied",)]
