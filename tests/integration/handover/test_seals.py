"""Each line of a manifest is under seal (AUD-4): hashed again here, by hand; forgetting keeps the hash."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from engine.records import destruction, seals
from engine.rules.content import ContentClass
from engine.states.choices import Options
from tests.integration.handover.clinic import EVERYTHING, Clinic


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(clinic: Clinic, transfer_id: UUID) -> list[tuple[str, int, str | None, str | None, str | None]]:
    return clinic.rows(
        "SELECT commitment, annex, item_id, salt, digest FROM seals WHERE transfer_id = :id", id=transfer_id
    )


def hash_by_hand(clinic: Clinic, transfer_id: UUID) -> str:
    shown = sorted(row[0] for row in sealed(clinic, transfer_id) if not row[1])
    ((annex,),) = clinic.rows("SELECT annex FROM receipts WHERE transfer_id = :id", id=transfer_id)
    return sha256("".join(f"{line}\n" for line in (*shown, annex)))


def stored_hash(clinic: Clinic, transfer_id: UUID) -> str:
    ((found,),) = clinic.rows("SELECT manifest_hash FROM receipts WHERE transfer_id = :id", id=transfer_id)
    return str(found)


def flaws(clinic: Clinic, transfer_id: UUID) -> list[tuple[ContentClass | None, str]]:
    with clinic.database.read() as session:
        return [(line.item_class, what) for line, what in seals.read_again(session, transfer_id)]


def test_every_line_of_a_manifest_is_committed_to_with_a_salt_of_its_own(clinic: Clinic) -> None:
    transfer_id = clinic.hand_over(EVERYTHING, record=clinic.full_record().record)

    manifest = clinic.manifest(transfer_id)
    opened = [row for row in sealed(clinic, transfer_id) if row[2]]
    assert {UUID(row[2]) for row in opened} == set(manifest)
    assert len({row[3] for row in opened}) == len(manifest)
    for commitment, _, item, salt, digest in opened:
        item_class, outcome = manifest[UUID(str(item))]
        assert commitment == sha256(f"{salt}\n{item_class}\n{item}\n{outcome}\n{digest}")


def test_the_manifests_hash_covers_the_commitments_in_order_and_the_annex(clinic: Clinic) -> None:
    transfer_id = clinic.hand_over(EVERYTHING, record=clinic.full_record().record)

    assert hash_by_hand(clinic, transfer_id) == stored_hash(clinic, transfer_id)


def test_the_receipt_stands_where_the_acceptance_does(clinic: Clinic) -> None:
    transfer_id = clinic.hand_over()

    ((seq, found),) = clinic.rows(
        "SELECT event_seq, event_hash FROM receipts WHERE transfer_id = :id", id=transfer_id
    )
    assert clinic.rows(
        "SELECT seq, hash FROM events WHERE transfer_id = :id AND action = 'transfer.accept'", id=transfer_id
    ) == [(seq, found)]


def test_details_are_digested_as_canonical_json(clinic: Clinic) -> None:
    full = clinic.full_record()
    transfer_id = clinic.hand_over(record=full.record)

    ((title, email, reason, opened_on),) = clinic.rows(
        "SELECT title, email, reason_for_consultation, opened_on FROM holdings WHERE id = :id",
        id=full.holding,
    )
    said = {
        "title": title,
        "email": email,
        "reason_for_consultation": reason,
        "opened_on": opened_on,
        "confidential": False,
    }
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digests = {row[2]: row[4] for row in sealed(clinic, transfer_id)}
    assert digests[str(full.holding)] == sha256(canonical)


class TestAnnex:
    """VIS-6: whether a collaborator has confidential items, and how many, is told to nobody."""

    def test_it_holds_them_among_lines_that_stand_for_nothing(self, clinic: Clinic) -> None:
        full = clinic.full_record()
        transfer_id = clinic.hand_over(record=full.record)

        annex = [row for row in sealed(clinic, transfer_id) if row[1]]
        assert {UUID(row[2]) for row in annex if row[2]} == full.of(ContentClass.COLLABORATOR_CONFIDENTIAL)
        assert len(annex) == 16
        ((stored,),) = clinic.rows("SELECT annex FROM receipts WHERE transfer_id = :id", id=transfer_id)
        assert stored == sha256("".join(f"{row[0]}\n" for row in sorted(annex)))

    def test_an_empty_one_looks_like_any_other(self, clinic: Clinic) -> None:
        first = clinic.hand_over()
        ((stored,),) = clinic.rows("SELECT annex FROM receipts WHERE transfer_id = :id", id=first)

        assert not [row for row in sealed(clinic, first) if row[1]]
        assert len(stored) == 64
        assert stored != sha256("")


class TestForgetting:
    def test_salts_and_digests_go_with_what_is_destroyed_and_the_hash_still_holds(
        self, clinic: Clinic
    ) -> None:
        """AUD-4, MOVE-6: a copy is destroyed with its details and bills; what moved still opens."""
        full = clinic.full_record()
        options = Options()
        transfer_id = clinic.hand_over(options, record=full.record)
        before = {row[2] for row in sealed(clinic, transfer_id) if row[2] and row[3]}
        with clinic.database.write() as session:
            assert destruction.destroy(session, full.holding, clinic.now + timedelta(days=5000)) is not None

        rows = sealed(clinic, transfer_id)
        lost = {row[2] for row in rows if row[2] in before and row[3] is None}
        gone = {str(full.holding), *map(str, full.of(ContentClass.CONFIDENTIAL_NOTE))}
        gone |= {str(found) for found in full.of(ContentClass.RAW_DATA) | full.of(ContentClass.INVOICE)}
        assert gone <= lost
        assert not lost & {str(found) for found in full.of(ContentClass.NOTE)}
        assert {row[2] for row in rows if row[3] is None and row[4] is not None} == set()
        assert hash_by_hand(clinic, transfer_id) == stored_hash(clinic, transfer_id)

    @pytest.mark.parametrize(
        ("rule", "statement"),
        [
            ("AUD-4", "UPDATE seals SET commitment = 'other' WHERE salt IS NOT NULL"),
            ("AUD-4", "UPDATE seals SET salt = 'other' WHERE salt IS NOT NULL"),
            ("AUD-4", "UPDATE seals SET digest = 'other' WHERE salt IS NOT NULL"),
            ("AUD-4", "UPDATE seals SET salt = NULL WHERE salt IS NOT NULL"),
            ("AUD-4", "UPDATE seals SET salt = NULL, digest = NULL, item_id = NULL WHERE salt IS NOT NULL"),
            ("AUD-4", "UPDATE seals SET salt = NULL, digest = NULL, annex = NOT annex"),
            ("AUD-4", "DELETE FROM seals"),
            ("AUD-4", "INSERT OR REPLACE INTO seals SELECT * FROM seals"),
            (
                "AUD-4",
                (
                    "INSERT INTO seals (transfer_id, commitment, annex)"
                    " SELECT transfer_id, 'x', false FROM receipts"
                ),
            ),
            ("AUD-4", "UPDATE receipts SET manifest_hash = 'other'"),
            ("AUD-4", "UPDATE receipts SET event_seq = 1"),
            ("AUD-4", "UPDATE receipts SET record_salt = 'other', statement = 's', signature = 's'"),
            ("AUD-4", "DELETE FROM receipts"),
            ("AUD-4", "INSERT OR REPLACE INTO receipts SELECT * FROM receipts"),
            ("MOVE-5", "UPDATE manifest SET sha256 = 'other' WHERE sha256 IS NOT NULL"),
            ("MOVE-5", "UPDATE manifest SET sha256 = NULL, outcome = 'kept' WHERE outcome = 'moved'"),
            ("MOVE-5", "UPDATE manifest SET sha256 = NULL, author_id = NULL WHERE sha256 IS NOT NULL"),
        ],
    )
    def test_nothing_else_changes(self, clinic: Clinic, rule: str, statement: str) -> None:
        clinic.hand_over(EVERYTHING, record=clinic.full_record().record)

        if not clinic._on_sqlite:
            # There a row cannot be replaced on the way in: the second one is refused for its key.
            statement = statement.replace("INSERT OR REPLACE", "INSERT")
        with pytest.raises(IntegrityError, match=f"{rule}: |[Cc][Hh][Ee][Cc][Kk] constraint|duplicate key"):
            clinic.change(statement)


class TestReadingAgain:
    """MOVE-5: the bytes are hashed again; the name that they are stored under is not believed."""

    def test_nothing_is_wrong_after_a_hand_over(self, clinic: Clinic) -> None:
        transfer_id = clinic.hand_over(EVERYTHING, record=clinic.full_record().record)

        assert flaws(clinic, transfer_id) == []

    def test_what_the_new_owner_wrote_on_is_no_flaw(self, clinic: Clinic) -> None:
        """VIS-10: a draft moves as a draft; its new text, signed later, is not what was handed over."""
        full = clinic.full_record()
        transfer_id = clinic.hand_over(EVERYTHING, record=full.record)
        new, _ = clinic.live(full.record)
        clinic.tamper(
            "UPDATE notes SET state = 'signed', signed_at = :later, sha256 = (SELECT max(sha256) FROM notes"
            " WHERE state = 'signed' AND author_only = false AND confidential = false)"
            " WHERE holding_id = :new AND state = 'draft'",
            later=datetime(2041, 1, 1, tzinfo=UTC),
            new=new,
        )

        assert flaws(clinic, transfer_id) == []

    @pytest.mark.parametrize(
        ("statement", "found"),
        [
            ("UPDATE invoices SET amount_cents = 1", (ContentClass.INVOICE, "bytes")),
            ("UPDATE holdings SET title = 'x' WHERE until_at IS NOT NULL", (ContentClass.DETAILS, "bytes")),
            ("DELETE FROM invoices", (ContentClass.INVOICE, "gone")),
        ],
    )
    def test_a_changed_item_is_named(
        self, clinic: Clinic, statement: str, found: tuple[ContentClass, str]
    ) -> None:
        transfer_id = clinic.hand_over(EVERYTHING, record=clinic.full_record().record)
        with clinic.database.write() as session:
            raw = session.connection()
            for name in ("invoices_updated", "invoices_deleted", "holdings_closed"):
                table = "" if clinic._on_sqlite else f" ON {name.partition('_')[0]}"
                raw.exec_driver_sql(f"DROP TRIGGER {name}{table}")
            raw.exec_driver_sql(statement)
            assert [(line.item_class, what) for line, what in seals.read_again(session, transfer_id)] == [
                found
            ]
            session.rollback()

    def test_changed_bytes_are_named_though_their_stored_digest_is_not_changed(self, clinic: Clinic) -> None:
        transfer_id = clinic.hand_over(EVERYTHING, record=clinic.full_record().record)
        with clinic.database.write() as session:
            raw = session.connection()
            sqlite = clinic._on_sqlite
            raw.exec_driver_sql(f"DROP TRIGGER content_updated{'' if sqlite else ' ON content'}")
            zero = "x'00'" if sqlite else r"'\x00'"
            raw.exec_driver_sql(
                f"UPDATE content SET body = {zero} WHERE sha256 = (SELECT sha256 FROM raw_data LIMIT 1)"
            )
            found = [(line.item_class, what) for line, what in seals.read_again(session, transfer_id)]
            session.rollback()

        assert (ContentClass.RAW_DATA, "bytes") in found
