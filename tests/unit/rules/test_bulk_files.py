"""The files of a caseload's transfer, as spreadsheets in two languages write them (BULK-1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.rules.bulk import Listed
from engine.rules.bulk_files import listed

TWO = (Listed(line=1, record="D-1", to="ann@x.example"), Listed(line=2, record="D-2", to="bob@x.example"))


class TestRead:
    @pytest.mark.parametrize(
        "content",
        [
            b"D-1,ann@x.example\nD-2,bob@x.example\n",
            b"D-1;ann@x.example\r\nD-2;bob@x.example",
            b"\xef\xbb\xbf D-1 ; ANN@x.example ;;\r\nD-2;bob@x.example;;\r\n\r\n;;;\r\n",
            b'"D-1","ann@x.example"\n"D-2",bob@x.example\n',
        ],
        ids=["commas", "semicolons", "mark, spaces and empty cells", "quotes"],
    )
    def test_as_spreadsheets_write_it(self, content: bytes) -> None:
        assert listed(content, with_recipients=True) == TWO

    @pytest.mark.parametrize(
        "heading", ["number,recipient", "\ufeffNuméro;Courriel", "Record number , E-mail", "\n\ndossier,à"]
    )
    def test_a_heading_and_empty_lines_are_passed_over(self, heading: str) -> None:
        separator = ";" if ";" in heading else ","
        content = f"{heading}\n\nD-1{separator}ann@x.example\n".encode()

        (line,) = listed(content, with_recipients=True)

        assert (line.record, line.line) == ("D-1", heading.count("\n") + 3)

    def test_a_first_line_that_is_no_known_heading_is_a_record(self) -> None:
        """Passing over it would leave a record behind that nobody misses."""
        assert [line.record for line in listed(b"Notes\nD-1\n", with_recipients=False)] == ["Notes", "D-1"]

    def test_a_list_of_numbers_may_have_one_with_a_comma(self) -> None:
        assert listed(b'"1,5"\n', with_recipients=False) == (Listed(line=1, record="1,5"),)

    @given(names=st.lists(st.from_regex(r"[A-Z]-[0-9]{1,9}", fullmatch=True), min_size=1, unique=True))
    def test_every_line_is_read_once_and_in_order(self, names: list[str]) -> None:
        assert [line.record for line in listed("\n".join(names).encode(), with_recipients=False)] == names


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "wrong", "line"),
        [
            (b"D-1,ann@x.example\nD-2\n", "bulk_line_columns", 2),
            (b"D-1,ann@x.example\n,bob@x.example\n", "bulk_line_columns", 2),
            (b"D-1,ann@x.example,3\n", "bulk_line_columns", 1),
            (b"D-1,ann@x.example\n\nD-\xe9,bob@x.example\n", "bulk_line_encoding", 3),
            (b'D-1,ann@x.example\n"D-2,bob@x.example\nD-3,c@x.example\n', "bulk_line_quotes", 2),
            (b'D-1,ann@x.example\n"D-2"x,bob@x.example\n', "bulk_line_quotes", 2),
        ],
    )
    def test_with_the_number_of_the_line(self, content: bytes, wrong: str, line: int) -> None:
        with pytest.raises(BadInput) as refused:
            listed(content, with_recipients=True)

        assert (refused.value.variant, refused.value.params["line"]) == (wrong, line)

    @pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"number,recipient\n"])
    def test_an_empty_file_is_no_selection(self, content: bytes) -> None:
        with pytest.raises(BadInput, match="bulk_file_empty"):
            listed(content, with_recipients=True)

    def test_a_file_that_is_far_too_large(self) -> None:
        with pytest.raises(BadInput, match="bulk_file_size"):
            listed(b"D-1\n" * 3_000_000, with_recipients=False)

    @given(content=st.binary(max_size=60), with_recipients=st.booleans())
    def test_whatever_bytes_it_holds(self, content: bytes, with_recipients: bool) -> None:
        """A file is read, or refused with a sentence; nothing else."""
        try:
            read = listed(content, with_recipients=with_recipients)
        except BadInput:
            return
        assert read
