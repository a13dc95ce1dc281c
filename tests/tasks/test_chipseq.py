"""The ChIP-seq task: how peaks become loci, against brute force, and the laws of the data that ship."""

import csv
import gzip
import json
import re
from collections import Counter
from contextlib import redirect_stdout
from importlib.resources import files
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made import load_tool
from tests.strategies import motif_sets

from receptive.errors import ReceptiveError, UsageError
from receptive.motifs import tomtom
from receptive.motifs.jaspar import FACTORS, RELEVANT, embedded_motifs, relevant_ids
from receptive.networks import training
from receptive.replication import runs
from receptive.tasks import chipseq, dataset

peaks = load_tool("peaks")
LENGTH, MOST, WORD, Peak = peaks.LENGTH, peaks.MOST, peaks.WORD, peaks.Peak
COMPLEMENT = str.maketrans("ACGT", "TGCA")
PAGE = Path(__file__).parents[2] / "docs" / "chipseq.md"
DATA = files("receptive").joinpath("data")


def both_strands(sequence: str, size: int) -> set[str]:
    """Every word of a sequence and its reverse complement, where all letters are known."""
    words = {sequence[i : i + size] for i in range(len(sequence) - size + 1)}
    words = {word for word in words if not set(word) - set("ACGT")}
    return words | {word.translate(COMPLEMENT)[::-1] for word in words}


def components(sequences: list[str], size: int) -> list[int]:
    """Number connected sequences by repainting, in the order of first appearance."""
    colour = list(range(len(sequences)))
    held = [both_strands(sequence, size) for sequence in sequences]
    for i, j in combinations(range(len(sequences)), 2):
        if held[i] & held[j]:
            colour = [colour[i] if own == colour[j] else own for own in colour]
    names = list(dict.fromkeys(colour))
    return [names.index(name) for name in colour]


@st.composite
def lists(draw: st.DrawFn) -> list[Any]:
    """Peaks of three lists cut from one small genome, in any place, length, order and strand.

    Some repeat one place, some are too short, some hold an unknown nucleotide.
    """
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    genome = "".join(random.choice(list("ACGT"), 3000))
    peaks_ = []
    for source in draw(st.permutations(["MAX.K562.one", "SP1.K562.two", "MAX.top500.three"])):
        for rank in range(draw(st.integers(0, 12))):
            length = draw(st.sampled_from([LENGTH - 1, LENGTH, LENGTH + 1, 205]))
            start = draw(st.one_of(st.integers(0, 3000 - 205), st.integers(1000, 1020)))
            sequence = genome[start : start + length]
            if draw(st.booleans()):
                sequence = sequence.translate(COMPLEMENT)[::-1]
            if draw(st.integers(0, 5)) == 0:
                at = draw(st.integers(0, length - 1))
                sequence = f"{sequence[:at]}N{sequence[at + 1 :]}"
            peaks_.append(Peak(source, rank, sequence))
    return peaks_


@given(
    sequences=st.lists(st.text("ACGTN", max_size=14), max_size=8).filter(len),
    size=st.integers(2, 6),
)
def test_loci_are_what_shared_words_connect(sequences, size):
    assert peaks.merge(sequences, size).tolist() == components(sequences, size)


@given(sequence=st.text("ACGT", min_size=3, max_size=20), size=st.sampled_from([1, 3, 31]))
def test_a_word_and_its_reverse_complement_are_one_number(sequence, size):
    """Equal numbers mean equal words up to the strand, and only those."""
    words, _ = peaks.words([sequence], size)
    texts = [sequence[i : i + size] for i in range(len(sequence) - size + 1)]
    canonical = [min(text, text.translate(COMPLEMENT)[::-1]) for text in texts]
    assert len(words) == len(texts)
    assert [a == b for a in words for b in words] == [a == b for a in canonical for b in canonical]
    turned, _ = peaks.words([sequence.translate(COMPLEMENT)[::-1]], size)
    np.testing.assert_array_equal(turned[::-1], words)


def test_the_longest_words_fit_the_number():
    words, owner = peaks.words(["A" * 31, "T" * 31, "C" * 31, "CTG".center(31, "C")], 31)
    assert words.tolist() == [0, 0, int("1" * 31, 4), int("132".center(31, "1"), 4)]
    assert owner.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("length", "left"), [(100, 0), (101, 0), (102, 1), (205, 52)])
def test_the_centre_loses_one_more_at_the_end(length, left):
    sequence = "".join(chr(200 + i) for i in range(length))
    kept = peaks.centre(sequence)
    assert kept == sequence[left : left + LENGTH]
    assert length - LENGTH - left in (left, left + 1)


@given(peak_list=lists())
def test_loci_unite_the_sources_of_their_peaks(peak_list):
    """Every kept peak is in one locus, which has its sources and its best peak's middle; repeats are out."""
    kept = [p for p in peak_list if len(p.sequence) >= LENGTH and "N" not in peaks.centre(p.sequence)]
    clusters: dict[int, list[Any]] = {}
    for peak, number in zip(kept, components([peak.sequence for peak in kept], WORD), strict=True):
        clusters.setdefault(number, []).append(peak)
    expected, repeats = Counter(), Counter()
    for cluster in clusters.values():
        sources = Counter(peak.source for peak in cluster)
        if max(sources.values()) > MOST:
            repeats += sources
            continue
        best = sorted(cluster, key=lambda peak: (peak.rank, peak.source))[0]
        expected[peaks.centre(best.sequence), best.source, frozenset(sources)] += 1
    result, counts = peaks.loci(peak_list)
    assert (
        Counter((locus.sequence, locus.sources[0], frozenset(locus.sources)) for locus in result) == expected
    )
    for source, numbers in counts.items():
        own = [peak for peak in peak_list if peak.source == source]
        assert numbers["read"] == len(own)
        assert numbers["short"] == sum(len(peak.sequence) < LENGTH for peak in own)
        dropped = numbers["short"] + numbers["unknown"]
        assert len(own) - dropped == sum(peak.source == source for peak in kept)
        assert numbers["repeats"] == repeats[source]
        assert numbers["loci"] == sum(source in locus.sources for locus in result)
        assert numbers["sequence"] == sum(source == locus.sources[0] for locus in result)
    for first, other in combinations(result, 2):
        assert not both_strands(first.sequence, WORD) & both_strands(other.sequence, WORD)


@given(peak_lists=lists(), data=st.data())
def test_the_order_of_the_peaks_does_not_matter(peak_lists, data):
    assert peaks.loci(data.draw(st.permutations(peak_lists))) == peaks.loci(peak_lists)


PROVENANCE = "file\ttf\tcell\nMAX.K562.one.tsv.gz\tMAX\tK562\nSP1.K562.two.tsv.gz\tSP1\tK562\n"


def source(folder: Path, peak_list: list[Any], mtime: int = 0) -> Path:
    """Write a folder of sources, of which one in the provenance is missing."""
    folder.mkdir()
    for name in {peak.source for peak in peak_list}:
        rows = [f"{p.source}-{p.rank}\t{p.sequence.lower()}\n" for p in peak_list if p.source == name]
        text = "id\tsequence\n" + "".join(rows)
        (folder / f"{name}.tsv.gz").write_bytes(gzip.compress(text.encode(), mtime=mtime))
    (folder / "PROVENANCE.tsv").write_text(PROVENANCE + "SRF.K562.none.tsv.gz\tSRF\tK562\n", "utf-8")
    return folder


def some_peaks() -> list[Any]:
    random = np.random.default_rng(0)
    genome = "".join(random.choice(list("ACGT"), 1000))
    places = [("MAX.K562.one", 0), ("MAX.K562.one", 300), ("SP1.K562.two", 20), ("SP1.K562.two", 700)]
    return [Peak(name, n % 2, genome[start : start + 101]) for n, (name, start) in enumerate(places)]


def test_the_same_sources_give_the_same_bytes(tmp_path):
    for name, mtime in (("a", 1), ("b", 2)):
        peaks.build(source(tmp_path / f"from-{name}", some_peaks(), mtime), tmp_path / name)
    written = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert written == ["chipseq.PROVENANCE.tsv", "chipseq.sources.tsv", "chipseq.tsv.gz"]
    for name in written:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / "chipseq.tsv.gz").read_bytes()[4:8] == bytes(4)  # no time of making
    assert (tmp_path / "a" / "chipseq.PROVENANCE.tsv").read_text("utf-8") == PROVENANCE
    loci, _ = peaks.loci(some_peaks())
    lines = gzip.decompress((tmp_path / "a" / "chipseq.tsv.gz").read_bytes()).decode().splitlines()
    assert lines == ["sources\tsequence", *(f"{','.join(locus.sources)}\t{locus.sequence}" for locus in loci)]
    assert [locus.sources for locus in loci] == [
        ("MAX.K562.one", "SP1.K562.two"),
        ("MAX.K562.one",),
        ("SP1.K562.two",),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("*", None, r"expected sources NAME.tsv.gz, found none"),
        ("PROVENANCE.tsv", None, "cannot read .*PROVENANCE.tsv: No such file"),
        ("PROVENANCE.tsv", b"file\n", "expected a line for MAX.K562.one.tsv.gz, found none"),
        ("PROVENANCE.tsv", b"", "expected a line for MAX.K562.one.tsv.gz, found none"),
        (
            "MAX.K562.one.tsv.gz",
            gzip.compress(b"", mtime=0),
            r"expected the columns id and sequence, found \[\]",
        ),
        (
            "MAX.K562.one.tsv.gz",
            gzip.compress(b"id\tseq\n", mtime=0),
            "columns id and sequence, found .*'seq'",
        ),
        (
            "MAX.K562.one.tsv.gz",
            gzip.compress(b"id\tsequence\n1\n", mtime=0),
            "line 2: expected two columns, found 1",
        ),
        ("MAX.K562.one.tsv.gz", gzip.compress(b"id\tsequence\n" * 9, mtime=0)[:-9], "damaged or cut short"),
    ],
)
def test_bad_sources_are_refused_and_nothing_is_written(tmp_path, name, content, message):
    folder = source(tmp_path / "sources", some_peaks())
    for path in folder.glob(name):
        path.unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ReceptiveError, match=message):
        peaks.build(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def data():
    return chipseq.load()


@pytest.fixture
def fourth(monkeypatch):
    """The task as every fourth locus makes it, for laws of the code, which any loci obey."""
    sequences, sources = chipseq.table()
    monkeypatch.setattr(chipseq, "table", lambda: (sequences[::4], sources[::4]))
    return chipseq.load()


def rows(name):
    return list(csv.DictReader(DATA.joinpath(name).read_text("utf-8").splitlines(), delimiter="\t"))


def test_the_counts_that_ship_are_those_of_the_data_that_ship():
    sequences, sources = chipseq.table()
    first = Counter(source[0] for source in sources)
    any_place = Counter(name for source in sources for name in source)
    given_peaks = {
        row["file"].removesuffix(".tsv.gz"): int(row["peaks"]) for row in rows("chipseq.PROVENANCE.tsv")
    }
    counted = rows("chipseq.sources.tsv")
    assert {row["source"] for row in counted} == set(any_place) == set(given_peaks)
    for row in counted:
        assert int(row["sequence"]) == first[row["source"]]
        assert int(row["loci"]) == any_place[row["source"]]
        assert int(row["read"]) == given_peaks[row["source"]]
        lost = sum(int(row[column]) for column in ("short", "unknown", "repeats"))
        assert int(row["loci"]) <= int(row["read"]) - lost <= MOST * int(row["loci"])
    assert sum(first.values()) == len(sequences)


def test_no_two_sequences_share_a_word():
    """All of them, by the numbers of the words; the next test checks a part with nothing but strings."""
    words, owner = peaks.words(chipseq.table()[0])
    order = np.argsort(words)
    same = np.diff(words[order]) == 0
    assert (np.diff(owner[order])[same] == 0).all()
    assert same.any()  # within a sequence, so that sharing would be seen


def test_no_locus_is_in_two_splits(data):
    letters = np.array(list("ACGT"))
    splits = {
        name: ["".join(row) for row in letters[split.X.argmax(-1)]] for name, split in data.splits.items()
    }
    held = set().union(*(both_strands(sequence, WORD) for sequence in splits["test"][:1000]))
    others = splits["train"][::10] + splits["valid"][::2] + splits["test"][1000:2000]
    assert not any(s[i : i + WORD] in held for s in others for i in range(LENGTH - WORD + 1))


def test_a_split_shares_out_the_loci_and_the_seed_decides_how(fourth):
    sequences, _ = chipseq.table()
    X = np.concatenate([split.X for split in fourth.splits.values()])
    assert Counter(row.tobytes() for row in X) == Counter(row.tobytes() for row in dataset.one_hot(sequences))
    sizes = [len(split.X) for split in fourth.splits.values()]
    np.testing.assert_allclose(sizes, np.multiply((0.7, 0.1, 0.2), len(sequences)), atol=1)
    assert chipseq.load(0).sha256 == fourth.sha256 != chipseq.load(1).sha256
    with pytest.raises(UsageError, match="--seed is -1"):
        chipseq.load(-1)


def test_sequences_are_one_hot_and_100_long(data):
    assert data.task == "chipseq"
    assert data.classes == ("Arid3a", "CEBPB", "FOSL1", "Gabpa", "MAFK", "MAX", "MEF2A", "SP1", "SRF", "YY1")
    assert sorted(set(FACTORS) - set(data.classes)) == ["NFYB", "STAT1"]
    for split in data.splits.values():
        assert split.X.shape[1:] == (LENGTH, 4)
        assert (split.X.sum(-1) == 1).all()
        assert set(np.unique(split.X)) == {0, 1}


FULL = ("Arid3a", "FOSL1", "Gabpa", "SP1", "SRF", "YY1")


def expected_labels(sources) -> list[int]:
    """The table of docs/chipseq.md, read aloud."""
    bound = {name.split(".")[0] for name in sources}
    in_collection = any(name.split(".")[1] == "top500" for name in sources)
    return [
        1 if factor.upper() in bound else 0 if factor in FULL or in_collection else -1
        for factor in chipseq.CLASSES
    ]


def test_labels_follow_the_table():
    _, sources = chipseq.table()
    Y = chipseq.labels(sources)
    assert Y.tolist() == [expected_labels(source) for source in sources]
    assert (Y == 1).any(axis=1).all()


def test_every_class_has_both_labels_in_every_split(data):
    for split in data.splits.values():
        for column in split.Y.T:
            assert {0, 1} <= set(column.tolist()) <= {-1, 0, 1}


def test_the_source_of_a_sequence_is_kept_and_is_bound(data, tmp_path):
    dataset.write(data, tmp_path / "c.h5")
    again = dataset.read(tmp_path / "c.h5")
    assert again.sha256 == data.sha256
    names = again.attributes["sources"].split(" ")
    column = [chipseq.CLASSES.index({f.upper(): f for f in FACTORS}[name.split(".")[0]]) for name in names]
    for name, split in again.splits.items():
        number = split.truth["source"]
        np.testing.assert_array_equal(number, data.splits[name].truth["source"])
        assert (split.Y[np.arange(len(number)), np.array(column)[number]] == 1).all()
    counted = np.bincount(np.concatenate([split.truth["source"] for split in again.splits.values()]))
    assert counted.tolist() == [int(row["sequence"]) for row in rows("chipseq.sources.tsv")]


# The controls.


def test_shuffled_labels_are_those_of_other_sequences_of_the_split(fourth):
    mixed = chipseq.shuffle_labels()
    assert (mixed.task, mixed.classes) == ("chipseq-shuffled", fourth.classes)
    for name, split in mixed.splits.items():
        was = fourth.splits[name]
        np.testing.assert_array_equal(split.X, was.X)
        np.testing.assert_array_equal(split.truth["source"], was.truth["source"])
        assert Counter(map(bytes, split.Y)) == Counter(map(bytes, was.Y))
    best = training.metrics(mixed.test.Y, chipseq.best_hits(mixed.test.X[:, :40]))["auroc_mean"]
    assert best == pytest.approx(0.5, abs=0.02)
    assert chipseq.shuffle_labels().sha256 == mixed.sha256 != chipseq.shuffle_labels(1).sha256


NAMES = ["MAX.top500.a", "MAX.top500.b", "MAX.K562.c", "SP1.K562.d", "MEF2A.top500.e", "MEF2A.top500.f"]


@given(st.lists(st.lists(st.sampled_from(NAMES), min_size=1, unique=True), min_size=1, max_size=12))
def test_a_list_is_told_from_the_others_of_its_factor_alone(sources):
    names, Y = chipseq.list_labels(sources)
    there = {name for source in sources for name in source}
    siblings = {
        name: {other for other in there if other.split(".")[0] == name.split(".")[0]} for name in there
    }
    assert names == tuple(sorted(name for name in there if len(siblings[name]) > 1))
    assert Y.tolist() == [
        [1 if name in source else 0 if siblings[name] & set(source) else -1 for name in names]
        for source in sources
    ]


def test_the_lists_of_every_factor_with_several_are_asked_for(data):
    labels = chipseq.which_list()
    assert labels.task == "chipseq-source"
    counts = Counter(name.split(".")[0] for name in labels.classes)
    assert counts == {"CEBPB": 10, "MAFK": 7, "MAX": 9, "MEF2A": 2}
    for name, split in labels.splits.items():
        rows = set(map(bytes, data.splits[name].X))
        assert all(bytes(row) in rows for row in split.X)
        assert (split.Y >= 0).any(axis=1).all()
        assert all({0, 1} <= set(column) for column in split.Y.T)


@given(motifs=motif_sets(max_width=8), sequence=st.text("ACGT", min_size=8, max_size=15))
def test_best_hits_are_the_best_windows(motifs, sequence):
    scores = chipseq.best_hits(dataset.one_hot([sequence]), motifs)[0]
    for motif, score in zip(motifs, scores, strict=True):
        strands = (sequence, sequence.translate(COMPLEMENT)[::-1])
        best = max(
            sum(
                np.log2((row["ACGT".index(letter)] * motif.nsites + 0.25) / (motif.nsites + 1) * 4)
                for row, letter in zip(motif.pwm, strand[start:], strict=False)
            )
            for strand in strands
            for start in range(len(sequence) - motif.width + 1)
        )
        np.testing.assert_allclose(score, best, atol=1e-4)


def test_a_factors_own_motif_tells_its_loci_better_than_chance(data):
    """Motifs stand in the order of the classes: most serve their own class better than any other motif."""
    X, Y = data.valid.X[:3000], data.valid.Y[:3000]
    scores = chipseq.best_hits(X)
    own = training.metrics(Y, scores)["auroc"]
    assert min(own) > 0.5
    shifted = [training.metrics(Y, np.roll(scores, n, axis=1))["auroc"] for n in range(1, 10)]
    assert sum(mine > max(others) for mine, *others in zip(own, *shifted, strict=True)) >= 8


@pytest.mark.parametrize("which", RELEVANT)
def test_relevant_motifs_are_those_of_the_labels(which, data):
    ids = relevant_ids(data.classes, which)
    assert tuple(ids) == data.classes
    assert all(ids[factor] == RELEVANT[which][factor] for factor in ids)
    assert relevant_ids(FACTORS, which) == relevant_ids(["class 0", "class 1"], which) == RELEVANT[which]


def test_a_filter_of_another_factor_is_not_relevant(data):
    matches = tomtom.match(embedded_motifs(), embedded_motifs())
    everything, here = runs.summary(matches), runs.summary(matches, data.classes)
    assert everything.relevant == everything.relevant_embedded == 1
    assert here.relevant < 1
    assert here.relevant_embedded < 1
    assert tuple(here.by_factor) == data.classes
    assert here.jaspar == everything.jaspar == 1


def test_the_command_writes_the_task(command, tmp_path, fourth):
    code, out, _ = command("data", "chipseq", "--out", tmp_path / "c.h5", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["data_sha256"] == fourth.sha256 == dataset.read(tmp_path / "c.h5", "chipseq").sha256
    assert document["sequences"] == {name: len(split.Y) for name, split in fourth.splits.items()}
    code, _, error = command("data", "chipseq", "--out", tmp_path / "d.h5", "--seed", "-1")
    assert (code, (tmp_path / "d.h5").exists()) == (2, False)
    assert "--seed is -1" in error


def test_the_page_shows_what_its_code_prints(data, monkeypatch):
    monkeypatch.setattr(chipseq, "load", lambda: data)
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```\n", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for program, shown in blocks:
        printed = StringIO()
        with redirect_stdout(printed):
            exec(program, {})
        assert printed.getvalue() == shown
