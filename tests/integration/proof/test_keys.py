"""The keys of organizations: made once, for their user alone, found again by everybody who signs (AUD-4)."""

import logging
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from engine import proof
from engine.activities.steps import Steps
from engine.audit import receipt
from engine.audit.keys import KeyProblem, Signer, SigningKey, public_keys
from engine.desk.desk import Desk
from engine.errors import Denied, Unavailable
from tests.integration.handover.clinic import Clinic
from tests.postgresql.places import Place


def rows(clinic: Clinic) -> list[tuple[int, str]]:
    return clinic.rows("SELECT number, public_key FROM organization_keys ORDER BY number")


def waiting(clinic: Clinic) -> int:
    ((count,),) = clinic.rows("SELECT count(*) FROM receipts WHERE signature IS NULL")
    return int(count)


class TestMaking:
    def test_one_file_for_its_user_alone_and_one_row(self, clinic: Clinic, signer: Signer) -> None:
        made = signer.provide(clinic.database, clinic.world.organization)

        assert isinstance(made, SigningKey)
        assert rows(clinic) == [(1, made.public_key)]
        assert list(signer.folder.iterdir()) == [signer.file(clinic.world.organization)]
        assert stat.S_IMODE(signer.file(clinic.world.organization).stat().st_mode) == 0o600
        assert stat.S_IMODE(signer.folder.stat().st_mode) == 0o700

    def test_another_process_finds_the_same(self, clinic: Clinic, signer: Signer) -> None:
        made = signer.provide(clinic.database, clinic.world.organization)

        found = Signer(signer.folder, may_create=True).provide(clinic.database, clinic.world.organization)

        assert isinstance(made, SigningKey)
        assert isinstance(found, SigningKey)
        assert found.public_key == made.public_key

    def test_twenty_at_a_time_make_one(self, clinic: Clinic, signer: Signer) -> None:
        signers = [Signer(signer.folder, may_create=True) for _ in range(20)]
        with ThreadPoolExecutor(20) as threads:
            found = list(
                threads.map(lambda one: one.provide(clinic.database, clinic.world.organization), signers)
            )

        assert {one.public_key for one in found if isinstance(one, SigningKey)} == {rows(clinic)[0][1]}
        assert all(isinstance(one, SigningKey) for one in found)
        assert len(list(signer.folder.iterdir())) == 1

    def test_two_processes_at_a_time_make_one(self, clinic: Clinic, place: Place, signer: Signer) -> None:
        where = place.where if isinstance(place.where, Path) else place.where.render_as_string(False)
        code = (
            "import sys; from pathlib import Path; from uuid import UUID; from sqlalchemy import make_url;"
            "from engine.audit.keys import Signer; from engine.records.database import Database;"
            f"db = Database({'Path' if isinstance(place.where, Path) else 'make_url'}({str(where)!r}));"
            f"s = Signer(Path({str(signer.folder)!r}), may_create=True); sys.stdin.read();"
            f"print(s.provide(db, UUID({str(clinic.world.organization)!r})).public_key)"
        )
        running = [
            subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(2)
        ]
        for one in running:
            assert one.stdin is not None
            one.stdin.close()
        printed = {one.stdout.read().decode().strip() for one in running if one.stdout is not None}
        for one in running:
            one.wait()
            assert one.stdout is not None
            one.stdout.close()

        assert printed == {rows(clinic)[0][1]}

    def test_where_two_folders_are_used_one_key_stands_and_the_other_is_taken_away(
        self, clinic: Clinic, signer: Signer, tmp_path: Path
    ) -> None:
        """Two machines that share the database alone: the second learns that the key is not there."""
        other = Signer(tmp_path / "elsewhere", may_create=True)
        signer.provide(clinic.database, clinic.world.organization)

        # As where both had looked before either wrote.
        found = other._create(clinic.database, clinic.world.organization)

        assert found is KeyProblem.MISSING
        assert (len(rows(clinic)), list(other.folder.iterdir())) == (1, [])

    def test_none_is_made_where_nobody_would_find_it(self, clinic: Clinic, tmp_path: Path) -> None:
        reader = Signer(tmp_path / "laptop", may_create=False)

        assert reader.provide(clinic.database, clinic.world.organization) is KeyProblem.NONE
        assert (rows(clinic), (tmp_path / "laptop").exists()) == ([], False)

    @pytest.mark.parametrize("body", [b"", b"nothing", b"-----BEGIN PRIVATE KEY-----\n"])
    def test_a_spoilt_file_is_told_and_never_replaced(
        self, clinic: Clinic, signer: Signer, body: bytes
    ) -> None:
        signer.folder.mkdir()
        signer.file(clinic.world.organization).write_bytes(body)

        assert signer.provide(clinic.database, clinic.world.organization) is KeyProblem.UNREADABLE
        assert signer.file(clinic.world.organization).read_bytes() == body


class TestSigning:
    def test_a_hand_over_is_signed_in_its_transaction_and_the_first_one_makes_the_key(
        self, signing: Clinic
    ) -> None:
        signing.hand_over()

        assert (len(rows(signing)), waiting(signing)) == (1, 0)

    @pytest.mark.parametrize("trouble", ["missing", "spoilt", "another", "forbidden"])
    def test_a_hand_over_never_fails_for_want_of_a_key(
        self, clinic: Clinic, tmp_path: Path, trouble: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        organization = clinic.world.organization
        signer = Signer(tmp_path / "keys", may_create=True)
        kept = tmp_path / "kept.pem"
        if trouble == "forbidden":
            (tmp_path / "keys").write_text("a file where the folder should be")
        else:
            signer.provide(clinic.database, organization)
            signer.file(organization).rename(kept)
        if trouble == "spoilt":
            signer.file(organization).write_text("spoilt")
        elif trouble == "another":
            Signer(tmp_path / "keys", may_create=True)._make_file(organization)
        clinic.steps = Steps(clinic.database, Signer(tmp_path / "keys", may_create=True))

        with caplog.at_level(logging.ERROR):
            transfer_id = clinic.hand_over()

        assert (clinic.column(transfer_id, "state"), waiting(clinic)) == ("accepted", 1)
        cause = {"spoilt": "unreadable", "another": "other", "forbidden": "unreadable"}.get(trouble, trouble)
        assert [(line.message, line.__dict__["cause"]) for line in caplog.records] == [
            ("receipt.unsigned", cause)
        ]
        if trouble == "forbidden":
            (tmp_path / "keys").unlink()
        else:
            kept.replace(signer.file(organization))
        signed = receipt.sign_waiting(clinic.database, Signer(tmp_path / "keys", may_create=True))
        assert (signed.signed, signed.waiting, waiting(clinic)) == (1, 0, 0)

    def test_what_waits_is_signed_organization_by_organization(self, clinic: Clinic, signer: Signer) -> None:
        """One whose key is lost does not keep the others waiting."""
        elsewhere = Clinic(clinic.database)
        for one in (clinic, elsewhere):
            one.hand_over()
        signer.provide(clinic.database, clinic.world.organization)
        lost = Signer(signer.folder, may_create=True)
        signer.file(clinic.world.organization).unlink()

        signed = receipt.sign_waiting(clinic.database, lost)

        assert (signed.signed, signed.waiting) == (1, 1)
        ((left,),) = clinic.rows("SELECT organization_id FROM receipts WHERE signature IS NULL")
        assert UUID(left) == clinic.world.organization


class TestReplacing:
    def test_the_new_key_signs_and_what_the_old_one_signed_stays_good(
        self, signing: Clinic, desk: Desk
    ) -> None:
        world = signing.world
        before = signing.hand_over()
        old, *_ = desk.keys(world.owner)

        new, kept = desk.replace_key(world.administrator)
        after = signing.hand_over(by=world.new_owner, to=world.owner)

        assert (new.in_use, kept.in_use, kept.public_key) == (True, False, old.public_key)
        assert proof.verify(desk.receipt(world.owner, before), old.public_key) == []
        assert proof.verify(desk.receipt(world.owner, after), new.public_key) == []
        assert len(signing.rows("SELECT seq FROM events WHERE action = 'organization.key'")) == 1

    def test_is_an_administrators(self, clinic: Clinic, desk: Desk) -> None:
        """ROLE-4."""
        for actor in (clinic.world.owner, clinic.world.coordinator):
            with pytest.raises(Denied, match="ROLE-4"):
                desk.replace_key(actor)
        assert rows(clinic) == []

    def test_of_a_lost_key_lets_what_waits_be_signed(
        self, signing: Clinic, desk: Desk, signer: Signer
    ) -> None:
        signing.hand_over()
        signer.file(signing.world.organization).unlink()
        signing.steps = Steps(signing.database, Signer(signer.folder, may_create=True))
        transfer_id = signing.hand_over(by=signing.world.new_owner, to=signing.world.owner)
        assert waiting(signing) == 1

        new, *_ = desk.replace_key(signing.world.administrator)

        assert proof.verify(desk.receipt(signing.world.owner, transfer_id), new.public_key) == []

    def test_not_on_a_machine_that_shares_the_database_alone(self, clinic: Clinic, tmp_path: Path) -> None:
        desk = Desk(clinic.database, signer=Signer(tmp_path / "laptop", may_create=False))

        with pytest.raises(Unavailable, match="signing_key"):
            desk.replace_key(clinic.world.administrator)


def test_a_key_of_another_organization_is_not_told(clinic: Clinic, desk: Desk) -> None:
    """VIS-8."""
    elsewhere = Clinic(clinic.database)
    own, other = desk.keys(clinic.world.owner), desk.keys(elsewhere.world.owner)

    assert own != other
    with clinic.database.read() as session:
        assert [key.public_key for key in public_keys(session, clinic.world.organization)] == [
            own[0].public_key
        ]
