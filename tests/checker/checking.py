"""Ask every check; ``check(file)`` is what tests and the demo call."""

from contextlib import closing
from pathlib import Path

from tests.checker import (
    bulks,
    content,
    destruction,
    eligibility,
    holdings,
    moving,
    notices,
    openings,
    proof,
    roles,
    states,
    writing,
)
from tests.checker.base import CHECKS, Violation, connect

#: The themes; importing them states their rules.
THEMES = (
    bulks,
    content,
    destruction,
    eligibility,
    holdings,
    moving,
    notices,
    openings,
    proof,
    roles,
    states,
    writing,
)


def check(file: Path | str) -> list[Violation]:
    """Say every way in which the data of a database, in use or not, break the rules of the domain."""
    with closing(connect(Path(file))) as db:
        return [violation for stated in CHECKS for violation in stated.run(db)]
