"""Tables as text for a terminal."""

from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from receptive import text

CELLS = st.text("ab1-–. ", max_size=9).map(str.strip)
WORDS = st.lists(st.text("abc", min_size=1, max_size=9), max_size=12).map(" ".join)


@given(st.lists(st.tuples(CELLS, CELLS, WORDS), min_size=1, max_size=5), st.integers(20, 120))
def test_a_terminal_cuts_no_word_and_loses_none(rows, columns):
    header = ("name", "number", "said")
    wide = text.table(header, rows)
    assert len(wide.split("\n")) == len(rows) + 1
    with mock.patch.object(text, "terminal_width", return_value=columns):
        narrow = text.table(header, rows)
    assert narrow.split() == wide.split()
    if max(map(len, wide.splitlines())) <= columns:
        assert narrow == wide
    before = max(len(row[0]) for row in (header, *rows)) + max(len(row[1]) for row in (header, *rows)) + 4
    assert all(len(line) <= max(columns, before) for line in narrow.splitlines()[1:])


def test_numbers_stand_to_the_right_and_words_to_the_left():
    lines = text.table(["name", "offset", "what"], [["1", "-7", "x"], ["conv12", "120", "y"]]).splitlines()
    assert lines == ["name    offset  what", "1           -7  x", "conv12     120  y"]
