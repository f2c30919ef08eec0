"""What tests read in the project's Markdown pages: headings, links, blocks of code, and generated parts."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]

_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_HEADING: Final = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_ANCHOR: Final = re.compile(r'<a id="([^"]+)">')
_CODE: Final = re.compile(r"`([^`\n]+)`")
_PART: Final = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


class Block(NamedTuple):
    """A fenced block of code: what stands behind its fence, such as ``python run``, and what is in it."""

    language: str
    marks: tuple[str, ...]
    body: str


def pages() -> list[Path]:
    """Give every Markdown page of the project."""
    folders = (
        ROOT.glob("*.md"),
        *((ROOT / name).rglob("*.md") for name in ("docs", "examples", "benchmarks")),
    )
    return sorted(page for folder in folders for page in folder if "node_modules" not in page.parts)


def blocks(text: str) -> Iterator[Block]:
    """Give the fenced blocks of a page."""
    for found in _FENCE.finditer(text):
        language, *marks = found["info"].split() or [""]
        yield Block(language, tuple(marks), found["body"])


def prose(text: str) -> str:
    """Give a page without its blocks of code."""
    return _FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """Give what a link may name behind ``#``, as GitHub makes it of headings."""
    seen: Counter[str] = Counter()
    found = set(_ANCHOR.findall(text))
    for heading in _HEADING.findall(prose(text)):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        found.add(slug if seen[slug] == 0 else f"{slug}-{seen[slug]}")
        seen[slug] += 1
    return found


def links(text: str) -> list[str]:
    """Give the targets of the links of a page."""
    return _LINK.findall(_CODE.sub("", prose(text)))


def code(text: str) -> set[str]:
    """Give what stands between backticks in a page's sentences."""
    return set(_CODE.findall(prose(text)))


def rows(text: str) -> list[list[str]]:
    """Give the cells of every row of every table, without the lines under the heads."""
    lines = (line for line in prose(text).splitlines() if line.startswith("|"))
    cells = ([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines)
    return [row for row in cells if not all(re.fullmatch(r":?-+:?", cell) for cell in row)]


def table(head: list[str], lines: list[list[str]]) -> str:
    """Write a table."""
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, ["---"] * len(head), *escaped])


def parts(text: str) -> list[str]:
    """Name the generated parts of a page."""
    return [found["name"] for found in _PART.finditer(text)]


def filled(text: str, written: Mapping[str, str]) -> str:
    """Give a page with its generated parts written anew."""
    return _PART.sub(lambda found: f"{found[1]}\n{written[found['name']].strip()}\n\n{found[3]}", text)
