"""What the tests of the pages read is what a reader sees."""

from tests.docs.markdown import anchors, blocks, code, filled, links, parts, rows, table

PAGE = """\
# A page, with `code`

See [that](other.md#there) and `[not](this.md)`, <a id="rule-1"></a>here.

```python run
# not a heading
[not](a-link.md)
```

## Twice

## Twice

| a | b |
| --- | --- |
| one | x\\|y |

<!-- generated: part -->
old
<!-- end -->
"""


def test_anchors_are_those_of_headings_and_marks() -> None:
    assert anchors(PAGE) == {"a-page-with-code", "rule-1", "twice", "twice-1"}


def test_links_stand_outside_of_code() -> None:
    assert links(PAGE) == ["other.md#there"]


def test_blocks_have_a_language_and_marks() -> None:
    assert [(block.language, block.marks) for block in blocks(PAGE)] == [("python", ("run",))]


def test_code_is_what_sentences_name() -> None:
    assert code(PAGE) == {"code", "[not](this.md)"}


def test_rows_of_a_table() -> None:
    assert rows(PAGE) == [["a", "b"], ["one", "x\\|y"]]
    assert rows(table(["a", "b"], [["one", "x|y"]])) == rows(PAGE)


def test_a_generated_part_is_replaced_and_nothing_else() -> None:
    assert parts(PAGE) == ["part"]
    assert filled(PAGE, {"part": "new\n"}) == PAGE.replace("old\n", "\nnew\n\n")
