"""An imported record changes hands as any other: byte for byte; and what is destroyed does not come back."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from engine.desk.desk import Desk
from engine.fhir.importing import Report, import_fhir
from engine.records import destruction
from engine.states.choices import Options, RawDataChoice
from tests.checker.checking import check
from tests.integration.fhir import bundles
from tests.integration.handover.clinic import EVERYTHING, Clinic, hurried
from tests.postgresql.places import Place

WITHOUT_COPY = Options(keep_copy=False, raw_data=RawDataChoice.EXCLUDE)


class Imported:
    """A clinic with one imported record of its owner."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.clinic = Clinic(hurried(place))
        self.folder = folder
        self.run()
        ((record,),) = self.rows("SELECT became_id FROM imported WHERE became = 'record'")
        self.record = UUID(record)

    def run(self, seed: int | None = None, **claim: Any) -> Report:  # noqa: ANN401
        found = bundles.of_patients("a")
        found["entry"][-1]["resource"] |= claim
        (self.folder / "a.json").write_text(json.dumps(found))
        world = self.clinic.world
        return import_fhir(
            Desk(self.clinic.database), world.administrator, [self.folder], owner_id=world.owner, seed=seed
        )

    def rows(self, query: str, **given: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
        return [tuple(row) for row in self.clinic.rows(query, **given)]

    def notes(self, holding: UUID) -> list[tuple[Any, ...]]:
        """Give what a note is, with the digest of its bytes computed here and now."""
        rows = self.rows(
            "SELECT n.item_id, n.author_id, n.created_at, n.signed_at, n.state, n.sha256, c.body FROM notes n"
            " JOIN content c ON c.sha256 = n.sha256 AND c.organization_id = n.organization_id"
            " WHERE n.holding_id = :holding ORDER BY n.item_id",
            holding=holding,
        )
        return [(*row[:-1], hashlib.sha256(bytes(row[-1])).hexdigest()) for row in rows]

    def destroy(self, holding: UUID) -> None:
        with self.clinic.database.write() as session:
            gone = destruction.destroy(session, holding, self.clinic.now + timedelta(days=40))
        assert gone is not None

    def digests(self) -> dict[str, set[str | None]]:
        found: dict[str, set[str | None]] = {}
        for kind, sha256 in self.rows("SELECT resource_type, sha256 FROM imported"):
            found.setdefault(kind, set()).add(sha256)
        return found


@pytest.fixture
def imported(place: Place, tmp_path: Path) -> Iterator[Imported]:
    folder = tmp_path / "in"
    folder.mkdir()
    found = Imported(place, folder)
    yield found
    found.clinic.database.close()


@pytest.mark.parametrize("options", [EVERYTHING, WITHOUT_COPY], ids=["copy", "no copy"])
def test_a_note_is_the_same_to_the_byte_in_the_next_hands(imported: Imported, options: Options) -> None:
    """MOVE-5, VIS-5: its text, author, date and signature, hashed over the database before and after."""
    imported.run(7)
    before, _ = imported.clinic.live(imported.record)
    was = imported.notes(before)
    ((source,),) = imported.rows("SELECT became_id FROM imported WHERE resource_type = 'DocumentReference'"
                                 " AND became = 'note'")  # fmt: skip

    imported.clinic.hand_over(options, record=imported.record)
    after, owner = imported.clinic.live(imported.record)
    moved = imported.notes(after)

    assert owner == imported.clinic.world.new_owner
    assert [note[-1] for note in moved if note[0] == source] == [
        hashlib.sha256(bundles.note_text("a")).hexdigest()
    ]
    assert set(moved) <= set(was)
    assert len(moved) == len(was) if options is EVERYTHING else len(moved) < len(was)
    assert all(stored == computed for *_, stored, computed in moved)
    assert check(imported.place.file()) == []


def test_a_digest_goes_with_the_content_and_the_row_stays(imported: Imported) -> None:
    """MOVE-6, AUD-4: nothing tells a guess from what was destroyed, and nothing comes back."""
    holding, _ = imported.clinic.live(imported.record)
    imported.clinic.hand_over(WITHOUT_COPY, record=imported.record)
    rows = imported.rows("SELECT count(*) FROM imported")
    assert None not in set().union(*imported.digests().values())

    imported.destroy(holding)

    digests = imported.digests()
    # The bill stays in its writer's accounts, its confidential JSON was withheld and destroyed.
    assert digests.pop("Claim") == {None}
    assert None not in set().union(*digests.values())
    assert imported.rows("SELECT count(*) FROM invoices") == [(1,)]
    assert imported.rows("SELECT count(*) FROM imported") == rows
    assert check(imported.place.file()) == []


def test_what_was_destroyed_is_neither_brought_back_nor_compared(imported: Imported) -> None:
    """MOVE-6."""
    holding, _ = imported.clinic.live(imported.record)
    imported.clinic.hand_over(WITHOUT_COPY, record=imported.record)
    imported.destroy(holding)
    tables = ("imported", "documents", "notes", "invoices", "appointments", "content")
    before = {table: imported.rows(f"SELECT * FROM {table}") for table in tables}

    report = imported.run(status="cancelled")

    assert {table: imported.rows(f"SELECT * FROM {table}") for table in tables} == before
    assert (report.records, report.changed, report.later) == ([], {}, {})


def test_what_still_is_there_is_compared(imported: Imported) -> None:
    assert list(imported.run(status="cancelled").changed) == ["Claim/a-c"]
