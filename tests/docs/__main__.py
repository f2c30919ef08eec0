"""Writes the generated parts of the pages (``make docs``); ``--quick`` leaves the commands' answers alone."""

import sys

from tests.docs import examples, generated
from tests.docs.markdown import ROOT


def main() -> None:
    """Write what has changed; then type every command for its answer, and write again."""
    write()
    if "--quick" not in sys.argv[1:]:
        examples.record(lambda line: print(f"  $ passation {line}", file=sys.stderr, flush=True))  # noqa: T201
        write()


def write() -> None:
    """Write the pages that are not as they should be, and name them."""
    for page in generated.write():
        print(page.relative_to(ROOT))  # noqa: T201


if __name__ == "__main__":
    main()
