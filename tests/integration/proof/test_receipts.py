"""Signed receipts (AUD-4): who gets one, what it opens for whom, and that it holds."""

import hashlib
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.exc import IntegrityError

from engine import proof
from engine.activities.steps import Steps
from engine.audit.keys import Signer
from engine.desk.desk import Desk
from engine.errors import Denied, NotFound, Unavailable
from engine.records import destruction
from engine.rules.content import ContentClass
from engine.states.choices import Options
from tests import build
from tests.integration.handover.clinic import EVERYTHING, Clinic, FullRecord

#: What a reader of every item still finds closed: what is its author's alone stands in the annex.
_C = ContentClass


def key_of(desk: Desk, actor: UUID) -> str:
    return desk.keys(actor)[0].public_key


def opened(document: dict[str, Any], name: str = "lines") -> set[UUID]:
    return {UUID(line["id"]) for line in document["manifest"].get(name, []) if "id" in line}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def full(signing: Clinic) -> FullRecord:
    return signing.full_record()


class TestWhatItSays:
    def test_by_hand(self, signing: Clinic, desk: Desk, full: FullRecord) -> None:
        """Nothing of ours but the file: signature, commitments, the manifest's hash, the line of the log."""
        transfer_id = signing.hand_over(EVERYTHING, record=full.record)
        found = desk.receipt(signing.world.owner, transfer_id)
        statement, manifest = found["statement"], found["manifest"]

        said = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key_of(desk, signing.world.owner)))
        public.verify(bytes.fromhex(found["signature"]), said)
        for line in manifest["lines"]:
            if "salt" in line:
                words = (line[name] for name in ("salt", "class", "id", "outcome", "digest"))
                assert line["commitment"] == sha256("\n".join(words))
        hashes = "".join(f"{line['commitment']}\n" for line in manifest["lines"])
        assert statement["manifest"]["hash"] == sha256(f"{hashes}{manifest['annex']}\n")
        assert statement["manifest"]["lines"] == len(manifest["lines"])
        assert signing.rows(
            "SELECT seq, hash FROM events WHERE transfer_id = :id AND action = 'transfer.accept'",
            id=transfer_id,
        ) == [(statement["chain"]["seq"], statement["chain"]["hash"])]

    def test_who_what_when_and_why(self, signing: Clinic, desk: Desk) -> None:
        transfer_id = signing.hand_over(Options(keep_copy=False), by=signing.world.coordinator)
        statement = desk.receipt(signing.world.owner, transfer_id)["statement"]

        ids = {name: statement[name]["id"] for name in statement if isinstance(statement[name], dict)
               and "id" in statement[name]}  # fmt: skip
        world = signing.world
        assert ids == {
            "organization": str(world.organization),
            "previous_owner": str(world.owner),
            "new_owner": str(world.new_owner),
            "asked_by": str(world.coordinator),
            "decided_by": str(world.new_owner),
        }
        assert statement["purpose"] == "continuity"
        assert statement["options"] == {
            "include_confidential": False, "raw_data": "exclude", "keep_copy": False
        }  # fmt: skip
        times = ("asked_at", "decided_at")
        assert [statement["asked_at"], statement["accepted_at"]] == [
            signing.column(transfer_id, name) for name in times
        ]

    def test_no_content(self, signing: Clinic, desk: Desk, full: FullRecord) -> None:
        """VIS-12: no title, client, text, file name or reason, not even for the parties."""
        transfer_id = signing.hand_over(EVERYTHING, record=full.record)
        text = json.dumps(desk.receipt(signing.world.owner, transfer_id), ensure_ascii=False)

        secrets = {
            value
            for query in (
                "SELECT title, email, reason_for_consultation FROM holdings",
                "SELECT name, email FROM clients",
                "SELECT name FROM documents",
                "SELECT name FROM raw_data",
                "SELECT body FROM content WHERE length(body) < 1000",
            )
            for row in signing.rows(query)
            for value in (cell.decode(errors="replace") if isinstance(cell, bytes) else cell for cell in row)
        }
        assert len(secrets) > 5
        assert [secret for secret in secrets if secret and secret in text] == []


class TestForWhom:
    def test_each_party_opens_what_they_may_read(self, signing: Clinic, desk: Desk, full: FullRecord) -> None:
        """VIS-7: the previous owner the copy; VIS-5: the new one what moved, details too."""
        transfer_id = signing.hand_over(record=full.record)
        world = signing.world
        old, new = (desk.receipt(who, transfer_id) for who in (world.owner, world.new_owner))

        stayed = full.of(_C.CONFIDENTIAL_NOTE, _C.CONFIDENTIAL_DOCUMENT, _C.RAW_DATA, _C.INVOICE)
        gone = full.of(_C.TASK, _C.MEMO, _C.SHARE, _C.COLLABORATOR_APPOINTMENT)
        moved = full.of(_C.DETAILS, _C.NOTE, _C.DOCUMENT, _C.PROFILE)
        assert opened(old) >= moved | stayed
        assert not opened(old) & (gone | full.their_drafts)
        assert opened(new) >= moved | full.of(_C.SHARE)
        assert not opened(new) & (stayed | full.of(_C.TASK, _C.MEMO))
        assert old["statement"] == new["statement"]
        assert old["signature"] == new["signature"]

    def test_without_a_copy_the_previous_owner_opens_nothing(
        self, signing: Clinic, desk: Desk, full: FullRecord
    ) -> None:
        transfer_id = signing.hand_over(Options(keep_copy=False), record=full.record)
        found = desk.receipt(signing.world.owner, transfer_id)

        assert opened(found) == set()
        assert proof.verify(found, key_of(desk, signing.world.owner)) == []

    def test_a_coordinator_opens_nothing_but_the_number(
        self, signing: Clinic, desk: Desk, full: FullRecord
    ) -> None:
        """VIS-1, VIS-12."""
        transfer_id = signing.hand_over(record=full.record)
        found = desk.receipt(signing.world.coordinator, transfer_id)

        assert opened(found) == set()
        assert found["record"]["id"] == str(full.record)
        assert proof.verify(found, key_of(desk, signing.world.coordinator)) == []

    def test_the_number_of_a_confidential_record_is_not_told_to_coordinators(
        self, signing: Clinic, desk: Desk
    ) -> None:
        """VIS-2: neither while it is confidential, nor because it was."""
        full = signing.full_record(confidential=True)
        transfer_id = signing.hand_over(record=full.record)
        ((number,),) = signing.rows("SELECT number FROM records WHERE id = :id", id=full.record)
        signing.tamper("UPDATE holdings SET confidential = false WHERE state = 'live'")
        found = desk.receipt(signing.world.coordinator, transfer_id)
        signing.tamper(
            "UPDATE holdings SET confidential = true WHERE state = 'live' AND record_id = :id", id=full.record
        )

        assert "record" not in found
        assert number not in json.dumps(found)
        assert str(full.record) not in json.dumps(found)
        assert desk.receipt(signing.world.new_owner, transfer_id)["record"]["number"] == number

    def test_strangers_administrators_and_other_organizations_do_not_know_of_it(
        self, signing: Clinic, desk: Desk, full: FullRecord
    ) -> None:
        """VIS-8, VIS-11, VIS-12: word for word as for a transfer that does not exist."""
        transfer_id = signing.hand_over(record=full.record)
        elsewhere = Clinic(signing.database)
        stranger = signing.colleague()
        for actor in (
            signing.world.administrator, full.collaborator, stranger,
            elsewhere.world.coordinator, elsewhere.world.owner,
        ):  # fmt: skip
            told = []
            for asked in (transfer_id, uuid4()):
                with pytest.raises(NotFound) as denied:
                    desk.receipt(actor, asked)
                told.append((denied.value.key, dict(denied.value.params)))
            assert told[0] == told[1] == ("VIS-11/transfer", {"what": "transfer"})

    def test_only_an_accepted_transfer_has_one(self, signing: Clinic, desk: Desk) -> None:
        transfer_id = signing.ask()
        with pytest.raises(Denied, match="AUD-4/not_accepted"):
            desk.receipt(signing.world.new_owner, transfer_id)
        signing.refuse(transfer_id)
        with pytest.raises(Denied, match="AUD-4/not_accepted"):
            desk.receipt(signing.world.owner, transfer_id)

    def test_giving_one_is_a_line_of_the_log(self, signing: Clinic, desk: Desk) -> None:
        transfer_id = signing.hand_over()
        desk.receipt(signing.world.owner, transfer_id)

        assert signing.lines(transfer_id)[-1] == ("transfer.receipt", "allowed", None)
        desk.receipt(signing.world.coordinator, transfer_id)
        assert signing.rows(
            "SELECT actor_id, role FROM events WHERE action = 'transfer.receipt' ORDER BY seq"
        ) == [(str(signing.world.owner), "practitioner"), (str(signing.world.coordinator), "coordinator")]


class TestAnnex:
    """VIS-6: an author finds their own items, and nobody can count those of others."""

    def test_its_author_opens_theirs_among_lines_that_stand_for_nothing(
        self, signing: Clinic, desk: Desk, full: FullRecord
    ) -> None:
        """VIS-9: a collaborator who becomes the new owner."""
        with signing.database.write() as session:
            other = build.member(session, signing.world.organization, title="Ergothérapeute")
            build.share(session, full.record, other)
            theirs = build.note(session, full.holding, author_id=other, author_only=True)
        transfer_id = signing.hand_over(record=full.record, to=full.collaborator)

        found = desk.receipt(full.collaborator, transfer_id)

        own = full.of(_C.COLLABORATOR_CONFIDENTIAL)
        assert opened(found, "annex_lines") == own
        assert len(found["manifest"]["annex_lines"]) == 16
        assert str(theirs) not in json.dumps(found)
        assert proof.verify(found, key_of(desk, signing.world.owner)) == []

    def test_for_others_it_is_one_hash_whether_there_is_anything_in_it_or_not(
        self, signing: Clinic, desk: Desk, full: FullRecord
    ) -> None:
        with_items = signing.hand_over(record=full.record)
        without = signing.hand_over()
        for transfer_id in (with_items, without):
            for who in (signing.world.owner, signing.world.new_owner, signing.world.coordinator):
                found = desk.receipt(who, transfer_id)
                assert found["manifest"].keys() == {"lines", "annex"}
                assert "collaborator_confidential" not in json.dumps(found)


class TestSigning:
    def test_the_database_takes_one_signature_and_no_change_of_it(self, signing: Clinic) -> None:
        signing.hand_over()
        for statement in (
            "UPDATE receipts SET signature = 'other'",
            "UPDATE receipts SET statement = 'other'",
            "UPDATE receipts SET statement = NULL, signature = NULL",
            "UPDATE receipts SET statement = statement",
            "DELETE FROM receipts",
        ):
            with pytest.raises(IntegrityError, match="AUD-4: "):
                signing.change(statement)

    def test_half_a_signature_is_refused(self, clinic: Clinic) -> None:
        clinic.hand_over()
        for half in ("statement = 's'", "signature = 's'"):
            with pytest.raises(IntegrityError):
                clinic.change(f"UPDATE receipts SET {half}")

    def test_one_that_waits_is_signed_when_it_is_asked_for(self, clinic: Clinic, desk: Desk) -> None:
        transfer_id = clinic.hand_over()

        found = desk.receipt(clinic.world.owner, transfer_id)

        assert proof.verify(found, key_of(desk, clinic.world.owner)) == []

    def test_without_the_key_it_is_said_and_nothing_is_given(self, clinic: Clinic, signer: Signer) -> None:
        transfer_id = clinic.hand_over()
        desk = Desk(clinic.database, signer=Signer(signer.folder, may_create=False))

        with pytest.raises(Unavailable, match="signing_key") as told:
            desk.receipt(clinic.world.owner, transfer_id)
        assert told.value.passes is False

    def test_names_are_those_of_the_day_of_the_signature(self, signing: Clinic, desk: Desk) -> None:
        transfer_id = signing.hand_over()
        before = desk.receipt(signing.world.owner, transfer_id)
        signing.change("UPDATE members SET title = 'Autre' WHERE id = :id", id=signing.world.new_owner)

        assert desk.receipt(signing.world.owner, transfer_id)["statement"] == before["statement"]

    def test_a_second_step_signs_nothing_more(self, signing: Clinic, signer: Signer) -> None:
        """MOVE-3."""
        transfer_id = signing.hand_over()
        before = signing.rows("SELECT statement, signature FROM receipts")
        signing.steps = Steps(signing.database, signer)
        assert signing.accept(transfer_id).state == "accepted"

        assert signing.rows("SELECT statement, signature FROM receipts") == before


class TestAfterDestruction:
    def test_the_receipt_still_holds_and_opens_what_is_left(
        self, signing: Clinic, desk: Desk, full: FullRecord
    ) -> None:
        """AUD-4, MOVE-6."""
        transfer_id = signing.hand_over(record=full.record)
        before = desk.receipt(signing.world.owner, transfer_id)
        with signing.database.write() as session:
            assert destruction.destroy(session, full.holding, signing.now + timedelta(days=5000)) is not None
        after = desk.receipt(signing.world.owner, transfer_id)
        new = desk.receipt(signing.world.new_owner, transfer_id)

        assert opened(before)
        assert opened(after) == set()
        assert opened(new) >= full.of(_C.NOTE)
        assert before["statement"] == after["statement"]
        for found in (before, after, new):
            assert proof.verify(found, key_of(desk, signing.world.owner)) == []
            assert desk.check_receipt(found) == []


class TestDeep:
    """MOVE-5: the bytes in the database are hashed again, and the log's line too."""

    def flaws(self, desk: Desk, document: dict[str, Any]) -> list[tuple[str, str]]:
        return [(flaw.what, flaw.where) for flaw in desk.check_receipt(document)]

    def test_whole(self, signing: Clinic, desk: Desk, full: FullRecord) -> None:
        transfer_id = signing.hand_over(EVERYTHING, record=full.record)

        assert self.flaws(desk, desk.receipt(signing.world.owner, transfer_id)) == []

    def test_a_receipt_of_another_database(self, signing: Clinic, desk: Desk) -> None:
        document = desk.receipt(signing.world.owner, signing.hand_over())
        for name in (str(uuid4()), "no id"):
            document["statement"]["transfer"] = name

            assert self.flaws(desk, document) == [("unknown_transfer", "statement/transfer")]

    def test_a_receipt_of_another_organization(self, signing: Clinic, desk: Desk) -> None:
        """VIS-8: it does not verify with this one's key either."""
        elsewhere = Clinic(signing.database)
        elsewhere.steps = signing.steps
        theirs = desk.receipt(elsewhere.world.owner, elsewhere.hand_over())

        own = key_of(desk, signing.world.owner)
        assert {flaw.what for flaw in proof.verify(theirs, own)} == {"other_key", "signature"}
        theirs["statement"]["organization"]["id"] = str(signing.world.organization)
        assert self.flaws(desk, theirs) == [("unknown_transfer", "statement/transfer")]


def test_an_inactive_party_gets_none(signing: Clinic, desk: Desk) -> None:
    transfer_id = signing.hand_over()
    signing.change("UPDATE members SET active = false WHERE id = :id", id=signing.world.owner)

    with pytest.raises(NotFound, match="VIS-11/member"):
        desk.receipt(signing.world.owner, transfer_id)
