"""Writes the generated parts of the pages (``make docs``); ``--quick`` leaves the commands' answers alone."""

import sys

from tests.docs import examples, generated
from tests.docs.markdown import ROOT


def main() -> None:
    """Type every command for its answer, then write what has changed."""
    if "--quick" not in sys.argv[1:]:
        examples.record(lambda line: print(f"  $ passation {line}", file=sys.stderr, flush=True))  # noqa: T201
    for page in generated.write():
        print(page.relative_to(ROOT))  # noqa: T201


if __name__ == "__main__":
    main()
