"""A receipt is verified offline (AUD-4): a change anywhere in it is found, and so is another key."""

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine import proof

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
KEY = PRIVATE.public_key().public_bytes_raw().hex()
OTHER = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
SALT, DIGEST = "a" * 64, "b" * 64


def opened(item: str, item_class: str = "note", outcome: str = "moved") -> dict[str, str]:
    """By hand: the SHA-256 of five words, each on a line of its own."""
    said = f"{SALT}\n{item_class}\n{item}\n{outcome}\n{DIGEST}"
    commitment = hashlib.sha256(said.encode()).hexdigest()
    return {
        "commitment": commitment,
        "class": item_class,
        "id": item,
        "outcome": outcome,
        "salt": SALT,
        "digest": DIGEST,
    }


def hashed(lines: list[dict[str, str]], *more: str) -> str:
    text = "".join(f"{line}\n" for line in (*(line["commitment"] for line in lines), *more))
    return hashlib.sha256(text.encode()).hexdigest()


def signed(statement: dict[str, Any], key: Ed25519PrivateKey = PRIVATE) -> str:
    # Canonical for what stands here: no numbers but whole ones, no names beyond ASCII.
    canonical = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return key.sign(canonical.encode()).hex()


def receipt() -> dict[str, Any]:
    person = {"id": "p", "name": "Ève Roy", "title": "Psychologue"}
    lines = [opened("1"), opened("2"), {"commitment": "c" * 64}]
    annex_lines = [opened("3", "collaborator_confidential"), {"commitment": "d" * 64}]
    annex = hashed(annex_lines)
    record = {"salt": SALT, "id": "r", "number": "D-1"}
    statement = {
        "format": "passation-receipt/1",
        "organization": {"id": "o", "name": "Clinique"},
        "transfer": "t",
        "record": hashlib.sha256(f"{SALT}\nr\nD-1".encode()).hexdigest(),
        "previous_owner": person,
        "new_owner": person,
        "asked_by": person,
        "decided_by": person,
        "purpose": "continuity",
        "options": {"include_confidential": False, "raw_data": "exclude", "keep_copy": True},
        "asked_at": "2026-11-24T10:00:00.000000Z",
        "accepted_at": "2026-11-24T11:00:00.000000Z",
        "counts": {"note": {"moved": 2}, "task": {"deleted": 1}},
        "manifest": {"hash": hashed(lines, annex), "lines": 3},
        "chain": {"seq": 7, "hash": "e" * 64},
        "key": hashlib.sha256(bytes.fromhex(KEY)).hexdigest(),
    }
    return {
        "statement": statement,
        "signature": signed(statement),
        "public_key": KEY,
        "record": record,
        "manifest": {"lines": lines, "annex": annex, "annex_lines": annex_lines},
    }


def places(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - any JSON
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    found = False
    for name, value in inner:
        found = True
        yield from places(value, (*path, name))
    if not found:
        yield path


def other(value: Any) -> Any:  # noqa: ANN401 - any JSON
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case _:
            return ("0" if value[0] != "0" else "1") + value[1:]


def at(document: Any, path: tuple[Any, ...]) -> Any:  # noqa: ANN401 - any JSON
    for name in path:
        document = document[name]
    return document


def test_a_true_receipt_has_no_flaw() -> None:
    assert proof.verify(receipt(), KEY) == []


@pytest.mark.parametrize("path", list(places(receipt())), ids=lambda path: "/".join(map(str, path)))
def test_a_change_of_any_value_is_found(path: tuple[Any, ...]) -> None:
    changed = receipt()
    at(changed, path[:-1])[path[-1]] = other(at(changed, path))

    assert proof.verify(changed, KEY)


@pytest.mark.parametrize("where", ["lines", "annex_lines"])
def test_lines_added_removed_or_swapped_are_found(where: str) -> None:
    true = receipt()["manifest"][where]
    for lines in (true[:-1], [*true, {"commitment": "f" * 64}], true[::-1]):
        changed = receipt()
        changed["manifest"][where] = lines

        assert "hash" in {flaw.what for flaw in proof.verify(changed, KEY)}


@pytest.mark.parametrize("path", [(), ("statement",), ("manifest",), ("manifest", "lines", 0), ("record",)])
def test_a_name_that_does_not_belong_there_is_found(path: tuple[Any, ...]) -> None:
    changed = receipt()
    at(changed, path)["note"] = "x"

    assert [flaw.what for flaw in proof.verify(changed, KEY)] == ["form"]


def test_what_opens_a_line_may_be_left_out_whole_and_not_in_part() -> None:
    closed, partly = receipt(), receipt()
    closed["manifest"]["lines"][0] = {"commitment": closed["manifest"]["lines"][0]["commitment"]}
    del closed["record"], closed["manifest"]["annex_lines"]
    del partly["manifest"]["lines"][0]["outcome"]

    assert proof.verify(closed, KEY) == []
    assert [flaw.what for flaw in proof.verify(partly, KEY)] == ["form"]


def test_a_forged_signature_and_another_organizations_key_are_found() -> None:
    forged = copy.deepcopy(receipt())
    forged["statement"]["purpose"] = "departure"
    forged["signature"] = signed(forged["statement"], OTHER)
    forged["public_key"] = OTHER.public_key().public_bytes_raw().hex()

    assert {flaw.what for flaw in proof.verify(forged, KEY)} == {"other_key", "signature"}
    assert {f.what for f in proof.verify(receipt(), forged["public_key"])} == {"other_key", "signature"}


def test_counts_that_were_signed_and_do_not_fit_the_lines_are_found() -> None:
    false = receipt()
    false["statement"]["counts"] = {"note": {"moved": 1}, "task": {"deleted": 2}}
    false["signature"] = signed(false["statement"])

    assert [flaw.what for flaw in proof.verify(false, KEY)] == ["counts"]


def test_a_name_that_stands_twice_makes_no_receipt() -> None:
    text = json.dumps(receipt())

    assert proof.read_json(text) == receipt()
    assert proof.read_json(text.replace('"statement": ', '"statement": {}, "statement": ', 1)) is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le", "utf-8-sig", "latin-1", "cp1252"])
def test_another_encoding_than_utf_8_makes_no_receipt(encoding: str) -> None:
    text = json.dumps(receipt(), ensure_ascii=False)

    assert proof.read_json(text.encode()) == receipt()
    assert proof.read_json(text.encode(encoding)) is None


SPOILT: dict[str, Callable[[str], str]] = {
    "cut": lambda text: text[:-1],
    "something behind": lambda text: text + "{}",
    "a list": lambda text: f"[{text}]",
    "nothing": lambda text: "",
    "null": lambda text: "null",
    "too deep": lambda text: "[" * 100_000,
    "another form": lambda text: text.replace('"passation-receipt/1"', '"passation-receipt/2"'),
    "capitals": lambda text: text.replace(KEY, KEY.upper()),
    "a line more": lambda text: text.replace(KEY, f"{KEY}\\n"),
    "half a character": lambda text: text.replace("Clinique", "\\ud800"),
    "beyond any number": lambda text: text.replace('"moved": 2', f'"moved": {10**400}'),
}


def with_number(number: str) -> Callable[[str], str]:
    return lambda text: text.replace('"seq": 7', f'"seq": {number}')


SPOILT |= {number: with_number(number) for number in ("7.0", '"7"', "true", "NaN", "-7", "0", f"{2**53}")}


@pytest.mark.parametrize("spoilt", list(SPOILT.values()), ids=list(SPOILT))
def test_what_has_not_the_form_is_no_receipt(spoilt: Callable[[str], str]) -> None:
    text = json.dumps(receipt())
    assert spoilt(text) != text

    assert [flaw.what for flaw in proof.verify(proof.read_json(spoilt(text)), KEY)] == ["form"]


@pytest.mark.parametrize("where", ["lines", "annex_lines"])
def test_the_salts_of_two_lines_cannot_be_exchanged(where: str) -> None:
    changed = receipt()
    lines = changed["manifest"][where]
    lines[0]["salt"] = "f" * 64

    assert "opening" in {flaw.what for flaw in proof.verify(changed, KEY)}


def test_several_keys_are_read_from_one_file_and_nothing_else_beside_them() -> None:
    other = OTHER.public_key().public_bytes_raw().hex()
    both = proof.pem_of(other) + proof.pem_of(KEY)

    assert proof.read_keys(both) == [other, KEY]
    assert proof.read_keys(f" {KEY}\n") == [KEY]
    assert proof.read_keys("") == []
    assert proof.read_keys(both.replace("BEGIN PUBLIC", "BEGIN", 1)) == []
    assert proof.key_for(receipt(), [other, KEY]) == KEY
    assert proof.key_for({"statement": 1}, [other, KEY]) == other


def head() -> dict[str, Any]:
    statement = {
        "format": "passation-head/1",
        "organization": {"id": "o", "name": "Clinique"},
        "seq": 7,
        "hash": "e" * 64,
        "at": "2026-11-24T11:00:00.000000Z",
        "key": hashlib.sha256(bytes.fromhex(KEY)).hexdigest(),
    }
    return {"statement": statement, "signature": signed(statement), "public_key": KEY}


def test_a_true_head_has_no_flaw() -> None:
    assert proof.verify_head(head(), KEY) == []


@pytest.mark.parametrize("path", list(places(head())), ids=lambda path: "/".join(map(str, path)))
def test_a_change_of_any_value_of_a_head_is_found(path: tuple[Any, ...]) -> None:
    changed = head()
    at(changed, path[:-1])[path[-1]] = other(at(changed, path))

    assert proof.verify_head(changed, KEY)


def test_a_receipt_is_no_head_and_a_head_no_receipt() -> None:
    assert [flaw.what for flaw in proof.verify_head(receipt(), KEY)] == ["form"]
    assert [flaw.what for flaw in proof.verify(head(), KEY)] == ["form"]


def test_a_key_is_read_as_digits_or_as_pem() -> None:
    assert proof.read_key(f" {KEY}\n") == KEY
    assert proof.read_key(proof.pem_of(KEY)) == KEY
    assert proof.read_key("nothing") is None
