"""``python -m tests.checker FILE``: one line a violation; exit 1 if there is one."""

import sys

from tests.checker.base import CHECKS
from tests.checker.checking import check


def main(arguments: list[str]) -> int:
    """Check one file."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tests.checker FILE\n")
        return 2
    found = check(arguments[0])
    for violation in found:
        sys.stdout.write(f"{violation.rule}\t{violation.detail}\n")
    sys.stderr.write(f"{len(CHECKS)} checks, {len(found)} violations\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
