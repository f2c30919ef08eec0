"""What docs/proof.md tells a third party to do, done on a receipt, on a changed one, and with another key."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.acceptance.command import Cli
from tests.acceptance.proof.conftest import Given, email
from tests.docs.markdown import ROOT, blocks
from tests.integration.handover.clinic import Clinic


def tried(language: str, mark: str = "tried") -> str:
    page = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
    (found,) = (block.body for block in blocks(page) if block.language == language and mark in block.marks)
    return found


def run(language: str, given: Given, folder: Path) -> "subprocess.CompletedProcess[str]":
    for name, file in (("receipt.json", given.file), ("keys.pem", given.key)):
        if file != folder / name:
            shutil.copy(file, folder / name)
    command = (
        [sys.executable, "-c", tried("python"), "receipt.json", "keys.pem"]
        if language == "python"
        else ["/bin/sh", "-ec", tried("sh")]
    )
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("language", ["python", "sh"])
def test_it_verifies_and_finds_what_is_changed(given: Given, tmp_path: Path, language: str) -> None:
    if language == "sh" and shutil.which("openssl") is None:
        pytest.skip("there is no openssl here")
    good = run(language, given, tmp_path)
    assert good.returncode == 0, good.stderr

    text = given.file.read_text()
    given.file.write_text(text.replace('"continuity"', '"departure"'))
    assert run(language, given, tmp_path).returncode != 0

    given.file.write_text(text)
    other = Ed25519PrivateKey.generate().public_key()
    given.key.write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert run(language, given, tmp_path).returncode != 0


@pytest.mark.parametrize(("old", "new"), [('"moved"', '"kept"'), ('"details"', '"note"')])
def test_the_program_finds_a_line_that_says_something_else(
    given: Given, tmp_path: Path, old: str, new: str
) -> None:
    lines = given.file.read_text().partition('"manifest": {\n  "lines"')
    assert old in lines[2]
    given.file.write_text(lines[0] + lines[1] + lines[2].replace(old, new, 1))

    assert run("python", given, tmp_path).returncode != 0


def test_the_program_reads_an_exported_log_and_finds_what_is_changed(
    cli: Cli, clinic: Clinic, tmp_path: Path
) -> None:
    clinic.hand_over()
    file = tmp_path / "log.ndjson"
    cli.done("audit", "export", "--as", email(clinic, clinic.world.administrator), "--to", str(file))
    command = [sys.executable, "-c", tried("python", "log"), str(file)]

    good = subprocess.run(command, capture_output=True, text=True, check=False)
    file.write_text(file.read_text().replace('"role":"practitioner"', '"role":"coordinator"', 1))
    changed = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (good.returncode, good.stdout.split()[0]) == (0, "5")
    assert changed.returncode != 0
