"""
What a receipt says and how it is verified, by hand or by this, with no database and no server (AUD-4).

Whoever changes what is hashed or signed changes the format's number.
"""

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

import rfc8785
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FORMAT: Final = "passation-receipt/1"
HEAD_FORMAT: Final = "passation-head/1"
LOG_FORMAT: Final = "passation-log/1"
_PEM_END: Final = "-----END PUBLIC KEY-----"
#: Larger whole numbers are not the same in every program that reads JSON.
_MOST: Final = 2**53 - 1
_SALT_BYTES: Final = 32
_KEY_BYTES: Final = 32

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Signature = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
_Number = Annotated[int, Field(ge=0, le=_MOST)]
_Positive = Annotated[int, Field(ge=1, le=_MOST)]
_Counts = dict[str, dict[str, _Positive]]


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a receipt, and where in it: a word for each kind, never what it says."""

    what: str
    where: str


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Named(_Part):
    """An organization."""

    id: str
    name: str


class Person(_Part):
    """A member, as they were called when the receipt was signed."""

    id: str
    name: str
    title: str


class Chosen(_Part):
    """What the one who asked chose to move."""

    include_confidential: bool
    raw_data: str
    keep_copy: bool


class Whole(_Part):
    """The manifest in two figures."""

    hash: Hash
    lines: _Number


class Place(_Part):
    """A line of the log."""

    seq: _Positive
    hash: Hash


class Statement(_Part):
    """What is signed; it says nothing that anybody who may know of the transfer may not read (VIS-12)."""

    format: Literal["passation-receipt/1"]
    organization: Named
    transfer: str
    record: Hash
    previous_owner: Person
    new_owner: Person
    asked_by: Person
    decided_by: Person
    purpose: str
    options: Chosen
    asked_at: str
    accepted_at: str
    counts: _Counts
    manifest: Whole
    chain: Place
    key: Hash


class Record(_Part):
    """What opens the commitment to the record; left out for whoever may not know its number (VIS-2)."""

    salt: Hash
    id: str
    number: str


class Line(_Part):
    """One commitment, with what opens it for whoever may read the item."""

    commitment: Hash
    item_class: str | None = Field(default=None, alias="class")
    id: str | None = None
    outcome: str | None = None
    salt: Hash | None = None
    digest: Hash | None = None

    @model_validator(mode="after")
    def _open_or_not(self) -> Self:
        given = {part is None for part in self._opening}
        if len(given) > 1:
            raise ValueError
        return self

    @property
    def _opening(self) -> tuple[str | None, ...]:
        return self.salt, self.item_class, self.id, self.outcome, self.digest

    @property
    def opened(self) -> bool:
        """Whether it says what it stands for."""
        return self.salt is not None

    @property
    def holds(self) -> bool:
        """Whether the commitment stands for what the line says."""
        return commit(*(part or "" for part in self._opening)) == self.commitment


class Manifest(_Part):
    """Every commitment in order, and the annex's hash; the annex itself for an author with lines in it."""

    lines: list[Line]
    annex: Hash
    annex_lines: list[Line] | None = None


class SignedReceipt(_Part):
    """A whole receipt."""

    statement: Statement
    signature: Signature
    public_key: Hash
    record: Record | None = None
    manifest: Manifest


class Head(_Part):
    """The last line of a log, to be kept elsewhere (AUD-2)."""

    format: Literal["passation-head/1"]
    organization: Named
    seq: _Number
    hash: Hash
    at: str
    key: Hash


class SignedHead(_Part):
    """A head that the organization signed."""

    statement: Head
    signature: Signature
    public_key: Hash


def new_salt() -> str:
    """Draw a salt."""
    return secrets.token_hex(_SALT_BYTES)


def commit(salt: str, *said: str) -> str:
    """Commit to words without saying them: the SHA-256 of the salt and the words, one a line."""
    return hashlib.sha256("\n".join((salt, *said)).encode()).hexdigest()


def hash_of(commitments: Iterable[str]) -> str:
    """Hash commitments in their order, each on a line of its own."""
    return hashlib.sha256("".join(f"{line}\n" for line in commitments).encode()).hexdigest()


def manifest_hash(commitments: Iterable[str], annex: str) -> str:
    """Hash a manifest: the commitments in order, then the annex's hash."""
    return hash_of((*commitments, annex))


def canonical(content: Any) -> bytes:  # noqa: ANN401 - plain JSON
    """Write plain JSON as RFC 8785 says."""
    return rfc8785.dumps(content)


def digest_of(content: Any) -> str:  # noqa: ANN401 - plain JSON
    """Give the SHA-256 of plain JSON in its canonical form."""
    return hashlib.sha256(canonical(content)).hexdigest()


def fingerprint(public_key: str) -> str:
    """Give the SHA-256 of a public key's 32 bytes."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()


def read_key(text: str) -> str | None:
    """Read a public key, as 64 hexadecimal digits or as PEM; ``None`` where it is neither."""
    text = text.strip()
    try:
        if len(text) == 2 * _KEY_BYTES:
            return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text)).public_bytes_raw().hex()
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key.public_bytes_raw().hex() if isinstance(key, Ed25519PublicKey) else None


def read_keys(text: str) -> list[str]:
    """Read every public key of a file: one as digits, or PEM after PEM, as an organization gives them out."""
    parts = [f"{part}{_PEM_END}" for part in text.split(_PEM_END)[:-1]] or [text]
    found = [read_key(part) for part in parts]
    return [key for key in found if key is not None] if None not in found else []


def key_for(document: Mapping[str, Any] | None, keys: Sequence[str]) -> str:
    """Choose the key that a statement names, or the first: the signature then tells."""
    statement = (document or {}).get("statement")
    named = statement.get("key") if isinstance(statement, dict) else None
    return next((key for key in keys if fingerprint(key) == named), keys[0])


def pem_of(public_key: str) -> str:
    """Write a public key as PEM, for other tools."""
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signed_by(public_key: str, signature: str, message: bytes) -> bool:
    """Say whether the owner of a key signed these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
            bytes.fromhex(signature), message
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def read_json(text: str | bytes) -> dict[str, Any] | None:
    """Read a JSON object, in UTF-8, in which no name stands twice; ``None`` where it is none."""
    try:
        found = json.loads(text if isinstance(text, str) else text.decode(), object_pairs_hook=_once)
        # Half a character, written as an escape, is no text: nobody could have hashed it.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def read_head(document: Mapping[str, Any] | None) -> SignedHead | None:
    """Read an exported head; ``None`` where it is none."""
    try:
        return SignedHead.model_validate(document)
    except ValidationError:
        return None


def read(document: Mapping[str, Any] | None) -> SignedReceipt | Flaw:
    """Read a receipt's form, or say where it has none."""
    try:
        return SignedReceipt.model_validate(document)
    except ValidationError as error:
        where = "/".join(str(part) for part in error.errors()[0]["loc"] if part != "item_class")
        return Flaw("form", where)


def verify(document: Mapping[str, Any] | None, public_key: str) -> list[Flaw]:
    """
    Verify a receipt with an organization's public key; every flaw is named, none means that it is good.

    The key must come from elsewhere than the receipt: the one in it proves nothing.
    """
    found = read(document)
    if isinstance(found, Flaw) or document is None:
        return [found] if isinstance(found, Flaw) else []
    return [
        *_signature(found.statement.key, found, document["statement"], public_key),
        *_record(found),
        *_manifest(found),
        *_counts(found),
    ]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def verify_head(document: Mapping[str, Any] | None, public_key: str) -> list[Flaw]:
    """Verify the signature of an exported head; every flaw is named."""
    found = read_head(document)
    if found is None or document is None:
        return [Flaw("form", "")]
    return list(_signature(found.statement.key, found, document["statement"], public_key))


def _signature(
    key: str,
    found: SignedReceipt | SignedHead,
    statement: Any,  # noqa: ANN401 - as read
    public_key: str,
) -> Iterable[Flaw]:
    if found.public_key != public_key:
        yield Flaw("other_key", "public_key")
    if key != fingerprint(public_key):
        yield Flaw("other_key", "statement/key")
    if not signed_by(public_key, found.signature, canonical(statement)):
        yield Flaw("signature", "statement")


def _record(found: SignedReceipt) -> Iterable[Flaw]:
    record = found.record
    if record is not None and commit(record.salt, record.id, record.number) != found.statement.record:
        yield Flaw("opening", "record")


def _manifest(found: SignedReceipt) -> Iterable[Flaw]:
    manifest = found.manifest
    for name, lines in (("lines", manifest.lines), ("annex_lines", manifest.annex_lines or [])):
        for number, line in enumerate(lines):
            if line.opened and not line.holds:
                yield Flaw("opening", f"manifest/{name}/{number}")
    annex = manifest.annex_lines
    if annex is not None and hash_of(line.commitment for line in annex) != manifest.annex:
        yield Flaw("hash", "manifest/annex_lines")
    if (
        manifest_hash((line.commitment for line in manifest.lines), manifest.annex)
        != found.statement.manifest.hash
    ):
        yield Flaw("hash", "manifest")


def _counts(found: SignedReceipt) -> Iterable[Flaw]:
    lines, counts = found.manifest.lines, found.statement.counts
    counted: Counter[tuple[str | None, str | None]] = Counter(
        {(c, outcome): n for c, by in counts.items() for outcome, n in by.items()}
    )
    opened = Counter((line.item_class, line.outcome) for line in lines if line.opened)
    if not counted.total() == len(lines) == found.statement.manifest.lines or opened - counted:
        yield Flaw("counts", "manifest/lines")
