"""
The keys that sign receipts (AUD-4): the private half a file for its user alone, the public half a row.

A key that is not at hand is no error: whoever asks is told why, signs nothing, and somebody signs later.
"""

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from tempfile import mkstemp
from typing import Final
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from engine.records import locks
from engine.records.database import Database
from engine.records.races import racing
from engine.records.tables.base import table_of
from engine.records.tables.proof import OrganizationKey

_OWNER_ONLY: Final = 0o700


class KeyProblem(StrEnum):
    """Why nothing can be signed here for an organization."""

    #: It has no key yet, and none may be made here.
    NONE = "none"
    #: It has one, whose file is not in this folder.
    MISSING = "missing"
    #: The file in this folder is another key's.
    OTHER = "other"
    #: The file or its folder cannot be read or written, or holds no key.
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key at hand."""

    private: Ed25519PrivateKey
    public_key: str

    def sign(self, message: bytes) -> str:
        """Sign bytes; 128 hexadecimal digits."""
        return self.private.sign(message).hex()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of one of an organization's keys."""

    number: int
    public_key: str
    created_at: datetime


class Signer:
    """
    Signs for the organizations whose key is in a folder.

    Args:
        folder: The private keys, one file an organization.
        may_create: Whether an organization without a key gets one here: not where nobody else would find it.
    """

    def __init__(self, folder: Path, *, may_create: bool) -> None:
        self.folder = folder
        self.may_create = may_create
        self._known: dict[UUID, SigningKey] = {}
        self._creating = threading.Lock()

    def file(self, organization_id: UUID) -> Path:
        """Name the file of an organization's private key."""
        return self.folder / f"{organization_id}.pem"

    def key(self, session: Session, organization_id: UUID) -> SigningKey | KeyProblem:
        """Give the key that signs for an organization now, or why it is not at hand."""
        rows = public_keys(session, organization_id)
        if not rows:
            return KeyProblem.NONE
        wanted = rows[0].public_key
        known = self._known.get(organization_id)
        if known is not None and known.public_key == wanted:
            return known
        found = self._read(organization_id)
        if isinstance(found, SigningKey):
            if found.public_key != wanted:
                return KeyProblem.OTHER
            self._known[organization_id] = found
        return found

    def provide(self, database: Database, organization_id: UUID) -> SigningKey | KeyProblem:
        """Give the key that signs for an organization, and make it first where there is none."""
        with database.read() as session:
            found = self.key(session, organization_id)
        if found is not KeyProblem.NONE or not self.may_create:
            return found
        with self._creating:
            return self._create(database, organization_id)

    def replace(self, session: Session, organization_id: UUID, now: datetime) -> SigningKey | KeyProblem:
        """
        Replace an organization's key by a new one; what the old one signed stays good.

        The file is replaced before the commit: after a crash between the two it is another key's, which is
        told, and the command may be given again.
        """
        new = Ed25519PrivateKey.generate()
        try:
            draft = self._draft(new)
            draft.replace(self.file(organization_id))
            self._sync()
        except OSError:
            return KeyProblem.UNREADABLE
        made = _signing(new)
        _add(session, organization_id, made.public_key, now)
        return made

    def _create(self, database: Database, organization_id: UUID) -> SigningKey | KeyProblem:
        """Make the file, or take the one of somebody quicker; then the row, unless there is one by now."""
        try:
            mine = self._make_file(organization_id)
        except OSError:
            return KeyProblem.UNREADABLE
        made = self._read(organization_id)
        if not isinstance(made, SigningKey):
            return made
        racing(lambda: _first(database, organization_id, made.public_key))
        with database.read() as session:
            found = self.key(session, organization_id)
        if mine and found is KeyProblem.OTHER:
            # Somebody with another folder was quicker: theirs is the organization's key.
            with suppress(OSError):
                self.file(organization_id).unlink()
            return KeyProblem.MISSING
        return found

    def _read(self, organization_id: UUID) -> SigningKey | KeyProblem:
        try:
            private = load_pem_private_key(self.file(organization_id).read_bytes(), password=None)
        except FileNotFoundError:
            return KeyProblem.MISSING
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
            return KeyProblem.UNREADABLE
        return _signing(private) if isinstance(private, Ed25519PrivateKey) else KeyProblem.UNREADABLE

    def _make_file(self, organization_id: UUID) -> bool:
        """Write a new key under its name, whole or not at all; say whether it was not there before."""
        file = self.file(organization_id)
        if file.exists():
            return False
        draft = self._draft(Ed25519PrivateKey.generate())
        try:
            # Unlike a rename this does not replace what somebody else has put there meanwhile.
            file.hardlink_to(draft)
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
        self._sync()
        return True

    def _draft(self, private: Ed25519PrivateKey) -> Path:
        self.folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        handle, name = mkstemp(prefix=".key.", dir=self.folder)  # readable by its user alone
        with os.fdopen(handle, "wb") as out:
            out.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            out.flush()
            os.fsync(out.fileno())
        return Path(name)

    def _sync(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


_KEY = table_of(OrganizationKey)
_KEYS = (
    select(_KEY.c.number, _KEY.c.public_key, _KEY.c.created_at)
    .where(_KEY.c.organization_id == bindparam("the_organization"))
    .order_by(_KEY.c.number.desc())
)


def public_keys(session: Session, organization_id: UUID) -> list[PublicKey]:
    """Give the public keys of an organization, the one that signs now first."""
    rows = session.execute(_KEYS, {"the_organization": organization_id})
    return [PublicKey(*row) for row in rows]


def _first(database: Database, organization_id: UUID, public_key: str) -> None:
    with database.write() as session:
        locks.lock_organization(session, organization_id)
        if not public_keys(session, organization_id):
            _add(session, organization_id, public_key, datetime.now(UTC))


def _add(session: Session, organization_id: UUID, public_key: str, now: datetime) -> None:
    before = public_keys(session, organization_id)
    session.execute(
        insert(OrganizationKey).values(
            organization_id=organization_id,
            number=before[0].number + 1 if before else 1,
            public_key=public_key,
            created_at=now,
        )
    )


def _signing(private: Ed25519PrivateKey) -> SigningKey:
    return SigningKey(private, private.public_key().public_bytes_raw().hex())
