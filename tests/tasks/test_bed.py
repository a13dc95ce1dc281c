"""Sequences around regions: against cuts from the text of the genome, letter by letter."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receptive.errors import ReceptiveError, ReceptiveWarning, UsageError
from receptive.tasks import bed

CHROMOSOMES = {"chr1": "ACGTTGCAAC" * 3, "chr2": "ggcatt"}


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("genome") / "g.fa"
    lines = {
        name: "\n".join(word[i : i + 10] for i in range(0, len(word), 10))
        for name, word in CHROMOSOMES.items()
    }
    path.write_text("".join(f">{name} of ours\n{text}\n" for name, text in lines.items()))
    return path


def letters(X):
    return ["".join("ACGTN"[row.argmax() if row.any() else 4] for row in sequence) for sequence in X]


def expected(chromosome, start, end, strand):
    """Letter by letter, N outside."""
    word, other = CHROMOSOMES[chromosome].upper(), dict(zip("ACGTN", "TGCAN", strict=True))
    cut = [word[i] if 0 <= i < len(word) else "N" for i in range(start, end)]
    return "".join(other[letter] for letter in cut[::-1]) if strand == "-" else "".join(cut)


REGIONS = st.tuples(
    st.sampled_from(sorted(CHROMOSOMES)), st.integers(0, 40), st.integers(1, 9), st.sampled_from("+-.")
)


@given(st.lists(REGIONS, min_size=1, max_size=4), st.integers(1, 12))
@pytest.mark.filterwarnings("ignore::receptive.errors.ReceptiveWarning")
def test_sequences_are_cut_around_the_middles(genome, regions, length):
    path = genome.parent / "x.bed"
    path.write_text("".join(f"{c}\t{s}\t{s + size}\tname\t0\t{strand}\n" for c, s, size, strand in regions))
    names, X = bed.read(path, genome, length)
    assert names == tuple(f"{c}:{s}-{s + size}" for c, s, size, _ in regions)
    for word, (chromosome, start, size, strand) in zip(letters(X), regions, strict=True):
        first = (start + start + size) // 2 - length // 2
        assert word == expected(chromosome, first, first + length, strand)


def test_a_genome_of_uneven_lines_is_found_out(tmp_path):
    (tmp_path / "g.fa").write_text(">chr1\nACGT\nACGTACGTAC\n")
    (tmp_path / "x.bed").write_text("chr1\t2\t12\n")
    with pytest.raises(ReceptiveError, match=r"g\.fa: chr1 has lines of several lengths"):
        bed.read(tmp_path / "x.bed", tmp_path / "g.fa")


def test_regions_of_one_length_are_taken_as_they_are_and_summits_where_given(genome, tmp_path):
    path = tmp_path / "x.bed"
    path.write_text("track name=x\n# note\nchr1 2 6\n\nchr1 3 7\r\n")
    assert letters(bed.read(path, genome)[1]) == [CHROMOSOMES["chr1"][2:6], CHROMOSOMES["chr1"][3:7]]
    path.write_text("chr1\t2\t20\tp\t0\t.\t1\t1\t1\t3\nchr1\t2\t20\tp\t0\t.\t1\t1\t1\t-1\n")
    assert letters(bed.read(path, genome, 4)[1]) == [CHROMOSOMES["chr1"][3:7], CHROMOSOMES["chr1"][9:13]]


def test_sequences_over_an_end_are_counted(genome, tmp_path):
    (tmp_path / "x.bed").write_text("chr2\t4\t8\nchr2\t0\t4\n")
    with pytest.warns(ReceptiveWarning) as said:
        assert letters(bed.read(tmp_path / "x.bed", genome)[1]) == ["TTNN", "GGCA"]
    assert "x.bed: 1 of 2 sequences begin or end with unknown letters" in str(said[0].message)


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ("chr1\t5\n", ReceptiveError, "line 1: expected chromosome, start and end of a region, found"),
        ("chr1\t5\t5\n", ReceptiveError, "line 1: expected chromosome"),
        ("chr1\ta\t5\n", ReceptiveError, "line 1: expected chromosome"),
        ("# nothing\n", ReceptiveError, "expected regions in BED format, found none"),
        ("chrX\t1\t5\n", ReceptiveError, "chrX is not in .*g.fa; are they of one genome"),
        ("chr1\t1\t5\nchr1\t1\t9\n", UsageError, "regions of 4 to 8 positions: --length says"),
        ("chr1\t1\t2\nchr1\t6\t7\n", UsageError, "regions of 1 position, such as summits: --length says"),
    ],
)
def test_what_is_refused(genome, tmp_path, text, kind, why):
    (tmp_path / "x.bed").write_text(text)
    with pytest.raises(kind, match=why):
        bed.read(tmp_path / "x.bed", genome)


@pytest.mark.parametrize("name", ["g.fa.gz", "g.fa.zip"])
def test_a_compressed_genome_is_refused_in_a_sentence(genome, tmp_path, name):
    (tmp_path / "x.bed").write_text("chr1\t2\t12\n")
    (tmp_path / name).write_bytes(gzip.compress(genome.read_bytes()))
    with pytest.raises(
        ReceptiveError, match=rf"{name}: compressed; expected plain FASTA, as gunzip leaves it$"
    ):
        bed.read(tmp_path / "x.bed", tmp_path / name)
