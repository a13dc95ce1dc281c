"""Motifs: what a PWM is, the MEME format there and back, JASPAR, and trimming, which the paper leaves out."""

import gzip
import math
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject
from numpy.typing import NDArray
from tests.strategies import motif_sets, pwms

from receptive.errors import MOST, ReceptiveError, ReceptiveWarning, UsageError
from receptive.motifs.formats import parse_motifs, read_motifs
from receptive.motifs.jaspar import FACTORS, RELEVANT, database, embedded_motifs, jaspar_2016, relevant_ids
from receptive.motifs.meme import format_meme, parse_meme, read_meme
from receptive.motifs.motif import (
    ALPHABET,
    Motif,
    from_counts,
    information_content,
    reverse_complement,
    scan,
    trim,
)

AUTHORS = Path(__file__).parents[1] / "data" / "authors" / "synthetic"
HEAD = "MEME version 4\n\nALPHABET= ACGT\n\n"
ROW = "0.1 0.2 0.3 0.4"


def one_hot(sequence: str) -> NDArray[np.float64]:
    return np.array([[float(base == letter) for letter in ALPHABET] for base in sequence])


def meme(*rows: str, options: str = "alength= 4 w= 2 nsites= 9 E= 0") -> str:
    return f"{HEAD}MOTIF M1 name\nletter-probability matrix: {options}\n" + "".join(
        f"{row}\n" for row in rows
    )


def bits_by_the_book(row: Sequence[float]) -> float:
    return math.log2(4) + sum(p * math.log2(p) for p in row if p > 0)


@given(st.text(ALPHABET, min_size=1))
def test_reverse_complement_reads_the_other_strand(sequence: str) -> None:
    other = "".join({"A": "T", "C": "G", "G": "C", "T": "A"}[base] for base in reversed(sequence))
    assert np.array_equal(reverse_complement(one_hot(sequence)), one_hot(other))


@pytest.mark.claim("VIS-2")
@given(pwms())
def test_information_content_is_the_papers_sum(pwm: NDArray[np.float64]) -> None:
    bits = information_content(pwm)
    assert bits == pytest.approx([bits_by_the_book(row) for row in pwm.tolist()], abs=1e-12)
    assert information_content(reverse_complement(pwm)) == pytest.approx(bits[::-1], abs=1e-12)


@pytest.mark.claim("VIS-2")
def test_information_content_runs_from_flat_to_certain() -> None:
    assert information_content(
        np.array([[0.25] * 4, [0.5, 0.5, 0, 0], [0, 1, 0, 0], [0.0] * 4])
    ).tolist() == [
        0,
        1,
        2,
        0,
    ]


@pytest.mark.claim("D-8")
@given(pwms(max_width=20), st.floats(0, 2), st.integers(0, 5))
def test_trim_keeps_what_is_within_the_pad_of_an_informative_span(
    pwm: NDArray[np.float64], bits: float, pad: int
) -> None:
    informative = [i for i, content in enumerate(information_content(pwm)) if content > bits]
    kept = [
        i for i in range(len(pwm)) if not informative or min(informative) - pad <= i <= max(informative) + pad
    ]
    assert np.array_equal(trim(pwm, bits, pad), pwm[kept])
    assert np.array_equal(trim(trim(pwm, bits, pad), bits, pad), trim(pwm, bits, pad))


@pytest.mark.claim("D-8")
def test_trim_cuts_a_pwm_whose_only_informative_position_is_the_first() -> None:
    pwm = np.vstack([one_hot("A"), np.full((9, 4), 0.25)])
    assert len(trim(pwm)) == 4


@pytest.mark.claim("D-8")
def test_the_authors_filters_were_trimmed() -> None:
    """Trimming leaves nearly all of their PWMs alone, and these are narrower than the filters."""
    filters = {
        (path.name.split(".")[0], motif.id): motif.pwm
        for path in AUTHORS.glob("*.meme")
        for motif in read_meme(path)
    }
    shorter = sorted(which for which, pwm in filters.items() if len(trim(pwm)) < len(pwm))
    again = [("cnn_2", f"filter{n}") for n in (12, 14, 23, 25, 26)]
    assert shorter == [*again, ("cnn_4", "filter27"), ("cnn_4", "filter3")]
    assert np.mean([len(pwm) for pwm in filters.values()]) < 12


@given(st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any), min_size=1))
def test_counts_become_frequencies(counts: list[list[int]]) -> None:
    motif = from_counts("id", "name", counts)
    expected = [[count / sum(row) for count in row] for row in counts]
    assert motif.pwm == pytest.approx(np.array(expected))
    assert motif.nsites == pytest.approx(sum(map(sum, counts)) / len(counts))
    assert motif.width == len(counts)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([[1, 2, 3]], "shape"),
        ([[1, 2, 3, 4], [0, 0, 0, 0]], "row 2"),
        ([[1, 2, 3, -1]], "row 1"),
        ([[1, 2, 3, math.nan]], "row 1"),
        ([[1, 2, 3, math.inf]], "row 1"),
    ],
)
def test_bad_counts_are_refused(counts: list[list[float]], message: str) -> None:
    with pytest.raises(ReceptiveError, match=rf"motif X: .*{message}"):
        from_counts("X", "", counts)


@pytest.mark.parametrize(
    ("pwm", "nsites", "message"),
    [
        (np.full((2, 3), 1 / 3), 1, r"shape \(width, 4\), found \(2, 3\)"),
        (np.empty((0, 4)), 1, r"found \(0, 4\)"),
        (np.full(4, 0.25), 1, r"found \(4,\)"),
        (np.array([[0.25] * 4, [0, 0, 0, 0]]), 1, "row 2: expected a sum of 1, found 0"),
        (np.array([[0.5, 0.6, -0.1, 0]]), 1, "row 1: expected no negative"),
        (np.array([[math.nan] * 4]), 1, "row 1: expected probabilities"),
        (np.full((2, 4), 0.25), -1, "nsites= -1"),
        (np.full((2, 4), 0.25), math.nan, "nsites= nan"),
    ],
)
def test_a_motif_holds_a_pwm(pwm: NDArray[np.float64], nsites: float, message: str) -> None:
    with pytest.raises(ReceptiveError, match=f"motif X: .*{message}"):
        Motif("X", "", pwm, nsites)


@given(motif_sets())
def test_the_meme_format_there_and_back(motifs: tuple[Motif, ...]) -> None:
    """To within half a unit of the sixth decimal; everything else, and a second time, exactly."""
    text = format_meme(motifs)
    again = parse_meme(text, "text")
    assert [(m.id, m.name, m.nsites, m.width) for m in again] == [
        (m.id, m.name, m.nsites, m.width) for m in motifs
    ]
    for before, after in zip(motifs, again, strict=True):
        assert np.abs(before.pwm - after.pwm).max() <= 5.0001e-7
    assert format_meme(again) == text


@pytest.mark.claim("D-18")
def test_a_dead_filter_survives_the_meme_format_and_so_do_those_behind_it(tmp_path: Path) -> None:
    filters = [Motif(f"f{i}", "", np.full((5, 4), 0.25 * (i != 1)), 5) for i in range(3)]
    (tmp_path / "filters.meme").write_text(format_meme(filters))
    again = read_meme(tmp_path / "filters.meme")
    assert [motif.dead for motif in again] == [False, True, False]


@pytest.mark.parametrize(
    ("id", "name"), [("a b", ""), ("", "name"), ("a", "b c"), ("a", "b\n"), ("taken", "")]
)
def test_names_that_the_format_cannot_hold_are_refused(id: str, name: str) -> None:
    flat = np.full((1, 4), 0.25)
    with pytest.raises(ReceptiveError, match="expected a new id, and no space"):
        format_meme([Motif("taken", "", flat, 1), Motif(id, name, flat, 1)])


def test_files_may_be_gzipped(tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(gzip.compress(format_meme(embedded_motifs()).encode()))
    assert [motif.id for motif in read_meme(tmp_path / "packed")] == list(FACTORS.values())


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "marked").write_text(meme(ROW, ROW), encoding="utf-8-sig")
    assert [motif.id for motif in read_meme(tmp_path / "marked")] == ["M1"]


BLOCK = """ALPHABET "DNA" DNA-LIKE
A "Adenine" CC0000 ~ T "Thymine" 008000
C "Cytosine" 0000CC ~ G "Guanine" FFB300
N "Any base" = ACGT
. = ACGT
END ALPHABET
"""

BLANKS = [" ", "  ", "\t", " \t "]
RULE = "*" * 80

RNA_BLOCK = """ALPHABET "RNA" RNA-LIKE # as MEME writes it
A "Adenine" CC0000
C "Cytosine" 0000CC

G "Guanine" FFB300
# a comment
U "Uracil" 008000
N "Any base" = ACGU
T = U
END ALPHABET
"""

HEAD_OF_BLOCK, *LINES, END_OF_BLOCK = BLOCK.splitlines()
BACKWARDS = "\n".join([HEAD_OF_BLOCK, *LINES[::-1], END_OF_BLOCK, ""])

DREME_OUTPUT = f"""# DREME 5.4.1
# command:     dreme -p x.fa

MEME version 5.4.1

{BLOCK}
strands: + -

Background letter frequencies (from dataset):
A 0.3 C 0.2 G 0.2 T 0.3

MOTIF TGA DREME-1

#             Word    RC Word        Pos        Neg    P-value    E-value
# BEST         TGA        TCA         11          0   4.9e-005   2.0e-005

letter-probability matrix: alength= 4 w= 2 nsites= 11 E= 2.0e-005
{ROW}
{ROW}


Time 3.00 secs.
"""

MEME_OUTPUT = f"""*****
MEME - Motif discovery tool
*****
MEME version 5.4.1 (Release date: x)
ALPHABET= ACGT
Letter frequencies in dataset
A 0.3 C 0.2 G 0.2 T 0.3
*****
MOTIF TGA MEME-1\twidth =  2  sites =  11  llr = 9  E-value = 2e-5
*****
Motif TGA MEME-1 sites sorted by position p-value
seq1    12  3.1e-08 ACCT TGA
log-odds matrix: alength= 4 w= 2 n= 50 bayes= 9 E= 2e-5
  -10  -20   3  40
  -10  -20   3  40
-----
\tMotif TGA MEME-1 position-specific probability matrix
-----
letter-probability matrix: alength= 4 w= 2 nsites= 11 E= 2e-5
 {ROW}
 {ROW}
-----
Time  0.1 secs.
"""


def test_an_id_may_hold_an_equals_sign_and_keeps_its_name() -> None:
    (motif,) = parse_meme(meme(ROW, ROW).replace("M1", "k=1"), "some file")
    assert (motif.id, motif.name) == ("k=1", "name")


@pytest.mark.parametrize(
    ("text", "name", "nsites"),
    [
        (meme(ROW, ROW), "name", 9),
        (meme(ROW.replace(" ", "\t"), ROW), "name", 9),
        (meme(ROW, ROW, options="nsites= 9 alength= 4"), "name", 9),
        (meme(ROW, ROW, options=""), "name", 20),
        (meme(ROW, ROW, options="w=2 nsites=7.5"), "name", 7.5),
        (meme(ROW, ROW, options="nsites= 2E1"), "name", 20),
        (meme(ROW, ROW, options="nsites= 1.5e1"), "name", 15),
        (meme(ROW, ROW, "URL http://example.org"), "name", 9),
        (meme(ROW, ROW).replace("ALPHABET= ACGT", "strands: + -"), "name", 9),
        (meme(ROW, ROW).replace("ALPHABET= ACGT\n", BLOCK), "name", 9),
        (meme(ROW, ROW).replace(" name", ""), "", 9),
        (meme(ROW, ROW).replace("name\n", "name\n\n\n"), "name", 9),
        (meme(ROW, ROW).replace("\n", "\r\n"), "name", 9),
        (meme("0.1 0.2 0.3 0.409", ROW), "name", 9),
        (meme(ROW, ROW, options="alength=4 W=2 NSITES=9"), "name", 9),
        (meme(ROW, ROW, options="alength= 4 w= 2 nsites= 0"), "name", 0),
        (meme(ROW, "", "# a comment", ROW, "", "a sentence"), "name", 9),
        (meme(ROW, ROW, "Time 3.00 secs."), "name", 9),
        (meme(ROW, ROW, "", "Time 3.00 secs.", options=""), "name", 20),
        (meme(ROW, ROW).replace("ACGT", "acgt"), "name", 9),
        (meme(ROW, ROW).replace("= ACGT", " ACGT"), "name", 9),
        (meme(ROW, ROW).replace("= ACGT", "=ACGU"), "name", 9),
        (meme(ROW, ROW).replace("ALPHABET= ACGT\n", BLOCK.replace("END ALPHABET", RULE)), "name", 9),
        (meme(ROW, ROW).replace("ALPHABET= ACGT\n", BLOCK.replace("LIKE\n", f"LIKE\n{RULE}\n")), "name", 9),
        (
            meme(ROW, ROW).replace("ALPHABET= ACGT\n", BLOCK.replace("END ALPHABET", "END ALPHABET =")),
            "name",
            9,
        ),
        (meme(ROW, ROW).replace("ALPHABET= ACGT\n", BLOCK.replace("END ALPHABET\n", "")), "name", 9),
        (meme(ROW, ROW).replace("ALPHABET= ACGT\n", BLOCK.lower()), "name", 9),
        (meme(ROW, ROW).replace("ALPHABET= ACGT\n", BLOCK.replace('"Adenine"', '"A = ~"')), "name", 9),
        (meme(ROW, ROW).replace("ALPHABET= ACGT\n", RNA_BLOCK), "name", 9),
        (meme(ROW, ROW).replace("ALPHABET= ACGT\n", BACKWARDS), "name", 9),
        (meme(ROW, ROW).replace("MOTIF", "Motif"), "name", 9),
        (meme(ROW, ROW).replace(" name", "\twidth =  2  sites =  9"), "", 9),
        (meme(ROW, ROW).replace(" name", " width=2 seqs=9"), "", 9),
        (meme(ROW, ROW).upper().replace("NAME", "name"), "name", 9),
        (DREME_OUTPUT, "DREME-1", 11),
        (MEME_OUTPUT, "MEME-1", 11),
        (MEME_OUTPUT.replace("TGA MEME-1", "1"), "", 11),
    ],
)
def test_what_the_meme_suite_and_jaspar_write_is_read(text: str, name: str, nsites: float) -> None:
    (motif,) = parse_meme(text, "text")
    assert (motif.name, motif.nsites) == (name, nsites)
    assert motif.pwm == pytest.approx(np.array([[0.1, 0.2, 0.3, 0.4]] * 2), abs=0.01)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "F: expected a MEME motif file, found no line 'MEME version'"),
        (">seq\nACGT\n", "F: expected a MEME motif file, found no line 'MEME version'"),
        (meme(ROW, ROW).replace("MEME version 4", ""), "F: expected a MEME motif file"),
        (HEAD, "F: expected at least one motif, found none"),
        (HEAD + "MOTIF\n", "F, line 5: expected 'MOTIF id \\[name\\]', found no id"),
        (HEAD + "MOTIF M1\n", "F: motif M1: expected a letter-probability matrix, found none"),
        (HEAD + "MOTIF M1\n" + meme(ROW, ROW), "F: motif M1: expected a letter-probability matrix"),
        (meme(ROW, ROW).replace("MOTIF", "#"), "F, line 6: expected a MOTIF line before this matrix"),
        (meme(ROW, ROW).replace("ACGT", "TGCA"), "F, line 3: expected the DNA alphabet ACGT, found TGCA"),
        (
            meme(ROW, ROW).replace("ACGT", "ACDEFGHIKLMNPQRSTVWY"),
            "F, line 3: expected the DNA alphabet ACGT, found ACDEF",
        ),
        (
            meme(ROW, ROW).replace("ALPHABET= ACGT\n", BLOCK.replace(" T ", " V ")),
            "F, line 3: expected the DNA alphabet ACGT, found ACGV",
        ),
        (HEAD.replace("= ACGT", "") + "X\n" * 999, "F, line 3: expected the DNA alphabet ACGT, found X{30}$"),
        (HEAD.replace("= ACGT", ' "DNA"'), "F, line 3: expected the DNA alphabet ACGT, found none"),
        (meme(ROW, ROW, options="alength= 20 w= 2"), "F: motif M1: line 6: expected alength= 4"),
        (meme(ROW, ROW, options="w= two"), "F: motif M1: line 6: expected a number, found w= two"),
        (meme(ROW, ROW, options="nsites= -1"), "F: motif M1: line 6: expected a number, found nsites= -1"),
        (
            meme(ROW, ROW, options="nsites= nan"),
            "F: motif M1: line 6: expected a number, found nsites= nan",
        ),
        (meme(ROW), "F: motif M1: line 6: expected rows: 2, found: 1"),
        (meme(ROW, ROW, ROW), "F: motif M1: line 6: expected rows: 2, found: 3"),
        (meme(options="nsites= 4"), "F: motif M1: line 6: expected rows: some, found: 0"),
        (meme(ROW, "0.1 0.2"), "F: motif M1: row 2 \\(line 8\\): expected four numbers, found '0.1 0.2'"),
        (meme(ROW, "0.1 0.2 0.7"), "F: motif M1: row 2 \\(line 8\\): expected four numbers"),
        (meme(ROW + " 0", ROW), "F: motif M1: row 1 \\(line 7\\): expected four numbers"),
        (meme(ROW, "a b c d"), "F: motif M1: row 2 \\(line 8\\): expected four numbers, found 'a b c d'"),
        (meme(ROW, "0 0 0 nan"), "F: motif M1: row 2 \\(line 8\\): expected probabilities, found 0 0 0 nan"),
        (meme("inf 0 0 0", ROW), "F: motif M1: row 1 \\(line 7\\): expected probabilities, found inf"),
        (meme(ROW, "-0.5 0.5 0.5 0.5"), "F: motif M1: row 2 \\(line 8\\): expected no negative"),
        (meme(ROW, "0.1 0.2 0.3 0.52"), "F: motif M1: row 2 \\(line 8\\): expected a sum of 1, found 1.12"),
        (meme(ROW, "0.1 0.2 0.3 0.28"), "F: motif M1: row 2 \\(line 8\\): expected a sum of 1, found 0.88"),
        (meme(ROW, "", ROW, "", ROW), "F: motif M1: line 6: expected rows: 2, found: 3"),
        (meme(ROW, "", "0.1 0.2"), "F: motif M1: row 2 \\(line 9\\): expected four numbers, found '0.1 0.2'"),
        (meme(ROW, "x" * 9999), "F: motif M1: row 2 \\(line 8\\): expected four numbers, found 'x{60}'$"),
        (meme(ROW, "0 0 0 0"), "F: motif M1: row 2 \\(line 8\\): expected a sum of 1, found 0"),
        (meme("9 3 2 6", "1 2 3 4"), "F: motif M1: row 1 \\(line 7\\): expected a sum of 1, found 20"),
    ],
)
def test_a_bad_meme_text_is_refused_by_name_and_place(text: str, message: str) -> None:
    with pytest.raises(ReceptiveError, match=f"^{message}") as caught:
        parse_meme(text, "F")
    assert caught.value.exit_code == 1


@given(st.integers(0, 10_000))
def test_a_file_cut_short_is_refused_or_gives_the_motifs_before_the_cut(length: int) -> None:
    text = format_meme(embedded_motifs()).rstrip("\n")
    whole = parse_meme(text, "whole")
    cut = text[: length % len(text)]
    complete = cut.count("\n\nMOTIF") - (not cut.endswith("\n"))  # all but the last are whole for certain
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReceptiveWarning)  # a last number cut short
            motifs = parse_meme(cut, "cut")
    except ReceptiveError:
        return
    assert len(motifs) >= complete
    for before, after in zip(whole, motifs, strict=False):
        assert after.width == before.width
        assert np.abs(before.pwm - after.pwm).max() < 0.1


@pytest.mark.parametrize("count", range(1, 13))
def test_a_file_cut_behind_a_motif_gives_the_motifs_before_the_cut(count: int) -> None:
    parts = format_meme(embedded_motifs()).split("\nMOTIF")
    motifs = parse_meme("\nMOTIF".join(parts[: count + 1]) + "\n", "cut")
    assert [motif.id for motif in motifs] == list(FACTORS.values())[:count]


@given(motif_sets(), st.data())
def test_spaces_case_blank_lines_and_rules_change_nothing(
    motifs: tuple[Motif, ...], data: DataObject
) -> None:
    """Whatever MEME's reader passes over is passed over, wherever it stands."""

    chance = Random(data.draw(st.integers(0, 2**32)))  # letter by letter Hypothesis would draw for long

    def spaced(line: str) -> str:
        return "".join(chance.choice(BLANKS) if letter == " " else letter for letter in line)

    def cased(line: str) -> str:
        return "".join(chance.choice([letter.lower(), letter.upper()]) for letter in line)

    alphabet = data.draw(st.sampled_from(["ALPHABET= ACGT", "ALPHABET = acgu", BLOCK, RNA_BLOCK]))
    if "END" in alphabet and data.draw(st.booleans()):
        alphabet = alphabet.replace("END ALPHABET", RULE)
    text = format_meme(motifs).replace("ALPHABET= ACGT", alphabet)
    keywords = ("MEME", "ALPHABET", "letter", "strands", "Background", "END")
    changed = []
    for line in text.split("\n"):
        line = cased(line) if line.startswith(keywords) and '"' not in line else line
        gap = chance.choice([[], [], [""], ["", " \t"]])
        rule = [RULE] if line.startswith("MOTIF") and chance.random() < 0.5 else []
        changed += [*gap, *rule, chance.choice(["", " ", "\t"]) + spaced(line)]
    ending = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    read_back = parse_motifs(ending.join(changed), "changed")
    assert format_meme(read_back) == format_meme(motifs)


def test_rows_rounded_badly_are_normalised_and_ids_kept_once_with_one_note_each(tmp_path: Path) -> None:
    (tmp_path / "two").write_text(
        meme("0.33 0.33 0.33 0", "0.1 0.2 0.3 0.49")
        + meme(ROW, ROW).removeprefix(HEAD)
        + meme(ROW, ROW).removeprefix(HEAD).replace("M1", "M2")
    )
    with pytest.warns(ReceptiveWarning) as caught:
        first, second = read_meme(tmp_path / "two")
    assert (
        np.abs(first.pwm - [[1 / 3, 1 / 3, 1 / 3, 0], np.array([0.1, 0.2, 0.3, 0.49]) / 1.09]).max() < 1e-12
    )
    assert second.pwm.tolist() == [[0.1, 0.2, 0.3, 0.4]] * 2
    said = [str(warning.message) for warning in caught]
    assert [message.split(": ", 1)[0] for message in said] == [str(tmp_path / "two")] * 2
    assert "1 of 3 motifs have rows whose sum is off 1" in said[0]
    assert "1 of 3 motifs have the id of an earlier one and are left out: M1" in said[1]


# --- other programs' files -----------------------------------------------------------------------------


@st.composite
def counted(draw: st.DrawFn) -> tuple[list[str], list[NDArray[np.int64]]]:
    """Ids, and counts of A, C, G, T, (w, 4), two or more at each position."""
    row = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(lambda row: sum(row) > 1)
    tables = draw(st.lists(st.lists(row, min_size=1, max_size=9), min_size=1, max_size=3))
    return [f"MA{number:04}.1" for number in range(len(tables))], [np.array(table) for table in tables]


def same(motifs: Sequence[Motif], ids: Sequence[str], tables: Sequence[NDArray[np.int64]]) -> bool:
    """Whether motifs are what frequencies of these counts, and their mean number, are."""
    return [motif.id for motif in motifs] == list(ids) and all(
        np.allclose(motif.pwm, table / table.sum(1, keepdims=True), atol=1e-12)
        and math.isclose(motif.nsites, table.sum() / len(table))
        for motif, table in zip(motifs, tables, strict=True)
    )


@pytest.mark.parametrize("form", ["plain", "brackets", "bars"])
@given(counted(), st.permutations("ACGT"), st.sampled_from(["", "\n"]), st.booleans())
def test_jaspars_matrices_are_read(
    form: str,
    motifs: tuple[list[str], list[NDArray[np.int64]]],
    order: list[str],
    gap: str,
    rna: bool,
) -> None:
    square = [table for table in motifs[1] if len(table) == 4 and form == "plain"]
    assume(not any(np.ptp(table.sum(0)) < 2 for table in square))  # then it may be as well one of positions
    text = "# a comment\n" if gap else ""
    for id, table in zip(*motifs, strict=True):
        text += f">{id}\tMAX::MYC\n"
        for letter in "ACGT" if form == "plain" else order:
            cells = "\t".join(map(str, table[:, "ACGT".index(letter)]))
            letter = "u" if rna and letter == "T" else letter
            text += {"plain": cells, "brackets": f"{letter}  [{cells} ]", "bars": f"{letter} | {cells}"}[form]
            text += "\n" + gap
    read_back = parse_motifs(text, "text")
    assert same(read_back, *motifs)
    assert {motif.name for motif in read_back} == {"MAX::MYC"}


@given(counted(), st.booleans())
def test_hocomocos_counts_are_read(motifs: tuple[list[str], list[NDArray[np.int64]]], beside: bool) -> None:
    """Also of four positions: beside others, or alone, with as many sites at each, but not of each letter."""
    ids, tables = motifs[0], [table + 1 for table in motifs[1]]
    if beside:
        ids, tables = [*ids, "GATA1.H11MO.0.A"], [*tables, np.full((5, 4), 9)]
    else:
        ids, tables = ids[:1], [np.array([[20, 1, 1, 1], [1, 20, 1, 1], [20, 1, 1, 1], [1, 1, 20, 1]])]
    rows = ["".join("\t".join(map(str, row)) + "\n" for row in table) for table in tables]
    read_back = parse_motifs("".join(f">{id}\n{row}" for id, row in zip(ids, rows, strict=True)), "text")
    assert same(read_back, ids, tables)


@given(counted(), st.sampled_from(["named", "headed", "bare"]))
def test_cis_bps_tables_are_read(motifs: tuple[list[str], list[NDArray[np.int64]]], form: str) -> None:
    ids, tables, text = *motifs, ""
    for id, table in zip(ids, tables, strict=True):
        text += f"TF\tT1\nTF Name\tAP2\nMotif\t{id}\nSpecies\tx\n" if form == "named" else ""
        text += "Pos\tA\tC\tG\tT\n" + "".join(
            f"{number}\t" + "\t".join(map(str, row / row.sum())) + "\n" for number, row in enumerate(table, 1)
        )
    read_back = parse_motifs(text, "folder/M0001_1.02.txt")
    named = [f"M0001_1.02{f'_{number}' if number > 1 else ''}" for number in range(1, len(ids) + 1)]
    assert [motif.id for motif in read_back] == (ids if form == "named" else named)
    for motif, table in zip(read_back, tables, strict=True):
        np.testing.assert_allclose(motif.pwm, table / table.sum(1, keepdims=True), atol=1e-9)
        assert motif.nsites == 20


def test_a_matrix_without_rows_gives_its_id_to_no_other() -> None:
    """CIS-BP has them where it may not give away a matrix."""
    head, row = "Pos\tA\tC\tG\tT\n", "1\t0.7\t0.1\t0.1\t0.1\n"
    text = "".join(f"TF\tT\nMotif\tM{i}\n{head}{row if i in (2, 4) else ''}" for i in range(1, 6))
    with pytest.warns(
        ReceptiveWarning, match="x: 3 motifs have a matrix without rows and are left out: M1, M3, M5"
    ):
        assert [motif.id for motif in parse_motifs(text, "x")] == ["M2", "M4"]
    with pytest.raises(ReceptiveError, match="x: motif x: its matrix has no rows"):
        parse_motifs(head, "x")


@given(counted(), st.permutations("ACGT"), st.sampled_from(["P0", "PO"]), st.booleans())
def test_transfac_is_read(
    motifs: tuple[list[str], list[NDArray[np.int64]]], order: list[str], code: str, full: bool
) -> None:
    text = "VV  TRANSFAC MATRIX TABLE\nXX\n//\n" if full else ""
    for id, table in zip(*motifs, strict=True):
        text += f"AC  {id}\nXX\n" + ("ID  V$MYOD_01\nNA  MyoD\nDE  a factor\n" if full else "")
        text += f"{code}      {'      '.join(order)}\n"
        for number, row in enumerate(table, start=1):
            cells = "  ".join(f"{row['ACGT'.index(letter)]}.0" for letter in order)
            text += f"{number:02}  {cells}" + ("      N\n" if full else "\n")
        text += "XX\nCC  program: x\n//\n"
    read_back = parse_motifs(text, "text")
    assert same(read_back, *motifs)
    assert {motif.name for motif in read_back} == {"MyoD" if full else ""}
    assert parse_motifs(text.removesuffix("//\n"), "text")[-1].id == motifs[0][-1]


@given(motif_sets())
def test_homers_motifs_are_read(motifs: tuple[Motif, ...]) -> None:
    text = ""
    for motif in motifs:
        text += f">NNN\t{motif.id} x/Homer\t6.049537\t-1782.9\t0\tT:12.0(1.2%),B:3(0.1%)\n"
        text += "".join("\t".join(f"{p:.6f}" for p in row) + "\n" for row in motif.pwm)
    read_back = parse_motifs(text, "text")
    assert [motif.id for motif in read_back] == [f"{motif.id}_x/Homer" for motif in motifs]
    for before, after in zip(motifs, read_back, strict=True):
        assert np.abs(before.pwm - after.pwm).max() < 1e-6
        assert (after.nsites, after.name) == (20, after.id.partition("/")[0])


def test_frequencies_say_nothing_of_the_number_of_sites() -> None:
    (motif,) = parse_motifs(">M1\n0.5 1\n0.5 0\n0 0\n0 0\n", "text")
    assert (motif.pwm.tolist(), motif.nsites) == ([[0.5, 0.5, 0, 0], [1, 0, 0, 0]], 20)


def test_a_file_is_read_in_the_format_that_it_shows(tmp_path: Path) -> None:
    rows = "1 2\n3 4\n5 6\n7 8\n"
    texts = {
        "meme": meme(ROW, ROW),
        "jaspar": f">M1 name\n{rows}",
        "homer": ">M1\tM1\t6.1\n0.1 0.2 0.3 0.4\n",
        "four.homer": ">M1\tM1\t6.1\n" + "0.1 0.2 0.3 0.4\n" * 4,
        "transfac": "AC  M1\nP0  A  C  G  T\n01  1  2  3  4\n//\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        (motif,) = read_motifs(tmp_path / name)
        assert (motif.id, motif.width) == ("M1", {"four.homer": 4, "meme": 2, "jaspar": 2}.get(name, 1))
        assert database(str(tmp_path / name))[0].id == "M1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "F: expected motifs in MEME, JASPAR, HOMER or TRANSFAC format, found none of them"),
        ("a,b\n1,2\n", "F: expected motifs in MEME, JASPAR, HOMER or TRANSFAC format, found none of them"),
        ("<html>MEME version 5\n", "F: expected motifs in .*, found HTML or XML; take the text file"),
        (meme(ROW, ROW).replace("MEME version 4", ""), "F: expected a MEME motif file, found no line"),
        (">seq1\nACGTACGT\n", "F: motif seq1: row 1 \\(line 2\\): expected four numbers, found 'ACGTACGT'"),
        (">M1 name\n", "F: motif name \\(line 1\\): expected a matrix, found none"),
        (">M1\nA [1 2]\nC [1 2]\nG [1 2]\n", "F: motif M1 \\(line 1\\): expected a line of as many counts"),
        (">M1\n1 2\n1 2\n1\n1 2\n", "F: motif M1 .*, found lines of 2, 2, 1, 2 numbers"),
        (">M1\n1 2\n1 2\n1 x\n1 2\n", "F: motif M1 .*, found lines of 2, 2, 0, 2 numbers"),
        (">M1\n1 0\n2 0\n3 0\n4 0\n", "F: motif M1: row 2: expected counts"),
        (">M1\n1 0\n2 0\n3 0\n4 -1\n", "F: motif M1: row 2: expected counts"),
        (">AC\tM1\t5\n0.5 0.5 0 0\n0.5 0.5 0.5 0\n", "F: motif M1: row 2 \\(line 3\\): expected a sum of 1"),
        ("P0 A C G T\n01 1 2 3\n//\n", "F, line 2: expected four counts, found '01 1 2 3'"),
        ("P0 A C G G\n01 1 2 3 4\n//\n", "F, line 1: expected A, C, G and T, found P0 A C G G"),
        ("AC M1\nP0 A C G T\n01 0 0 0 0\n//\n", "F: motif M1: row 1: expected counts"),
        ("AC M1\nP0 A C G T\n//\n", "F: motif M1: its matrix has no rows"),
    ],
)
def test_what_is_no_motif_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(ReceptiveError, match=f"^{message}"):
        parse_motifs(text, "F")


def test_no_message_holds_a_whole_file() -> None:
    with pytest.raises(ReceptiveError) as caught:
        parse_meme(HEAD + f"MOTIF {'x' * 99_999}\n", "F")
    assert len(str(caught.value)) < MOST + 9
    assert str(caught.value).endswith("expected a letter-probability matrix, found none")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read .*F: No such file"),
        (b"\x89PNG\r\n\xff\xfe", "F: expected a MEME motif file, found bytes that are not text"),
        (gzip.compress(b"MEME version 4", mtime=0)[:-9], "F: the gzip file is damaged or cut short"),
        (b"\x1f\x8bgarbage", "F: the gzip file is damaged or cut short"),
    ],
)
def test_unreadable_files_are_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "F").write_bytes(content)
    with pytest.raises(ReceptiveError, match=message):
        read_meme(tmp_path / "F")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReceptiveError, match="Is a directory"):
        read_meme(tmp_path)


@pytest.mark.claim("SYN-2")
def test_the_twelve_embedded_motifs_are_in_jaspar_2016_under_the_papers_names() -> None:
    assert len(jaspar_2016()) == 519
    assert {motif.name: motif.id for motif in embedded_motifs()} == FACTORS
    assert len(FACTORS) == 12
    assert not any(motif.dead for motif in jaspar_2016())


@pytest.mark.claim("D-9")
def test_the_released_list_counts_relatives_and_files_two_mef2_under_stat1() -> None:
    names = {motif.id: motif.name for motif in jaspar_2016()}
    released = {factor: [names[id] for id in ids] for factor, ids in RELEVANT["released"].items()}
    assert {factor: (id,) for factor, id in FACTORS.items()} == RELEVANT["embedded"]
    assert {factor: ids[0] for factor, ids in released.items()} == {name: name for name in FACTORS}
    assert {factor: ids[1:] for factor, ids in released.items() if ids[1:]} == {
        "Arid3a": ["Arid3b"],
        "NFYB": ["NFYA"],
        "STAT1": ["MEF2B", "MEF2D"],
    }


@pytest.mark.claim("D-9")
@pytest.mark.parametrize("which", RELEVANT)
def test_in_the_packaged_database_the_relevant_ids_are_those_of_the_paper(which: str) -> None:
    assert relevant_ids(which=which) == RELEVANT[which]


@given(st.lists(st.sampled_from(["a class", "GATA1", "ELF1", *FACTORS]), unique=True, max_size=5))
def test_relevant_are_the_motifs_of_a_task_s_labels(classes: list[str]) -> None:
    """Of a factor of the paper those of its table; of any other those of its name; without any, all."""
    by_name = {name: tuple(motif.id for motif in jaspar_2016() if motif.name == name) for name in classes}
    expected = {name: RELEVANT["released"].get(name, ids) for name, ids in by_name.items()}
    known = {name: ids for name, ids in expected.items() if ids}
    order = [*filter(known.__contains__, FACTORS), *(name for name in known if name not in FACTORS)]
    assert list(relevant_ids(classes).items()) == (
        [(name, known[name]) for name in order] or list(RELEVANT["released"].items())
    )


def test_in_another_database_any_version_is_relevant() -> None:
    flat = np.full((3, 4), 0.25)
    ids = ("MA0601.1", "MA0151.3", "MA0151.2", "MA01511.1", "MA0095", "MAX", "MA0060.4")
    later = [Motif(id, "", flat, 1) for id in ids]
    ids_by_factor = {
        factor: ids for factor, ids in relevant_ids(which="released", motifs=later).items() if ids
    }
    assert ids_by_factor == {
        "Arid3a": ("MA0151.3", "MA0151.2", "MA0601.1"),
        "NFYB": ("MA0060.4",),
        "YY1": ("MA0095",),
    }
    assert list(relevant_ids(which="embedded", motifs=later)) == list(FACTORS)
    assert relevant_ids(which="embedded", motifs=later)["Arid3a"] == ("MA0151.3", "MA0151.2")


def test_database_takes_a_file_or_the_packaged_motifs(tmp_path: Path) -> None:
    (tmp_path / "own.meme").write_text(format_meme(embedded_motifs()))
    assert database() is jaspar_2016()
    assert [motif.id for motif in database(str(tmp_path / "own.meme"))] == list(FACTORS.values())


@pytest.mark.parametrize("source", ["no-such-file.meme", "JASPAR20", "jaspar2026", "a" * 300])
def test_a_database_that_is_neither_file_nor_release_is_refused(source: str) -> None:
    with pytest.raises(UsageError, match=f"database {source[:100]}.*expected a file of motifs or a release"):
        database(source)


def test_a_release_without_pyjaspar_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyjaspar", None)
    with pytest.raises(UsageError, match=r'JASPAR2026: .*pip install "receptive\[jaspar\]"'):
        database("JASPAR2026")


def test_a_release_comes_from_pyjaspar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Release:
        def __init__(self, release: str) -> None:
            assert release == "JASPAR2026"

        def fetch_motifs(self, collection: str, tax_group: list[str]) -> list[SimpleNamespace]:
            assert (collection, tax_group) == ("CORE", ["vertebrates"])
            counts = {"T": [4, 0], "G": [3, 0], "C": [2, 0], "A": [1, 10]}
            return [SimpleNamespace(matrix_id="MA1.1", name="Tf", counts=counts)]

    fake = SimpleNamespace(jaspardb=Release, jaspar_releases={"JASPAR2026": "file"}, __spec__="made up")
    monkeypatch.setitem(sys.modules, "pyjaspar", fake)
    (motif,) = database("JASPAR2026")
    assert (motif.id, motif.name, motif.nsites) == ("MA1.1", "Tf", 10)
    assert motif.pwm.tolist() == [[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0]]
    with pytest.raises(UsageError, match="JASPAR1999: pyjaspar has JASPAR2026"):
        database("JASPAR1999")


@given(st.lists(st.text(ALPHABET, min_size=6, max_size=6), min_size=1, max_size=3), pwms(max_width=6))
def test_a_scan_adds_what_each_letter_of_a_window_adds_on_either_strand(
    sequences: list[str], weights: NDArray[np.float64]
) -> None:
    X = np.array([[[letter == base for base in ALPHABET] for letter in each] for each in sequences], np.uint8)
    found = scan(X, weights)
    width = len(weights)
    assert found.shape == (len(sequences), 7 - width, 2)
    for row, sequence in enumerate(sequences):
        for start in range(7 - width):
            window = sequence[start : start + width]
            other = window[::-1].translate(str.maketrans("ACGT", "TGCA"))
            for strand, read in enumerate((window, other)):
                score = sum(weights[place, ALPHABET.index(letter)] for place, letter in enumerate(read))
                assert found[row, start, strand] == pytest.approx(score)
