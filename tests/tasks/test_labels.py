"""Tables of labels, written by hand and read back."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receptive.errors import ReceptiveError
from receptive.tasks import labels

WRITTEN = {
    1: ["1", "1.0", "1.000", "1e0", "True", "TRUE"],
    0: ["0", "0.0", "-0.0", "False"],
    -1: ['""', "-1", "-1.0", "NA", "nan", "N/A", "<NA>", "None", "."],
}


@given(data=st.data())
def test_a_table_gives_labels_in_the_order_of_the_sequences(data, tmp_path_factory):
    count, classes = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    row = st.lists(st.sampled_from([-1, 0, 1]), min_size=classes, max_size=classes)
    Y = data.draw(st.lists(row, min_size=count, max_size=count).filter(lambda Y: np.max(Y) >= 0))
    between, before = data.draw(st.sampled_from("\t,; ")), data.draw(st.sampled_from(["", ">"]))
    name = data.draw(st.sampled_from(["{}", '"{}"', '"{} of ours"']))
    lines = [
        between.join(
            [name.format(f"{before}chr1:{i}"), *(data.draw(st.sampled_from(WRITTEN[value])) for value in row)]
        )
        for i, row in enumerate(Y)
    ]
    lines = data.draw(st.permutations(lines))
    named = data.draw(st.sampled_from([[], ["id"]]))
    header = between.join([*named, *(f'"factor {number}"' for number in range(classes))])
    above = data.draw(st.sampled_from([[], ["# made by us"] if between != " " and named else []]))
    text = data.draw(st.sampled_from(["\n", "\r\n"])).join([*above, header, *lines, "", ""])
    path = tmp_path_factory.mktemp("labels") / "labels"
    raw = text.encode(data.draw(st.sampled_from(["utf-8", "utf-8-sig"])))
    path.write_bytes(gzip.compress(raw) if data.draw(st.booleans()) else raw)
    labels_read, names = labels.read(path, [f"chr1:{i}" for i in range(count)])
    assert labels_read.dtype == np.int8
    assert labels_read.tolist() == Y
    assert names == tuple(f"factor {number}" for number in range(classes))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected a table of labels, found nothing"),
        ("\n \n", "found nothing"),
        ("id\na\nb\n", "expected a header line with an id and the names of the classes, .* found 'id'"),
        ("a\t0\t1\nb\t1\t1\n", "expected a header line"),
        ("id\tSP1\tSP1\na\t0\t1\nb\t1\t1\n", "none of them empty, a number or given twice"),
        ("SP1\tSRF\n0\t1\n1\t1\n1\t0\n", "ids without a row of labels: a, b$"),
        ("id|SP1\na|0\nb|1\n", "expected a header line"),
        ("id\tSP1\na\t0.73\nb\t1\n", "found '0.73'"),
        ("id\tSP1\na\tinf\nb\t1\n", "found 'inf'"),
        ("id\tSP1\na\t0\t1\nb\t1\t1\n", "id a: expected 1 labels, found 2"),
        ("id\tSP1\t\na\t0\t1\nb\t1\t1\n", "expected a header line"),
        ("id\tSP1\na\t0\nb\t1\t1\n", "id b: expected 1 labels, found 2"),
        ("id\tSP1\na\t0\nb\n", "id b: expected 1 labels, found 0"),
        ("id\tSP1\na\t0\nb\t2\n", "id b, class SP1: expected 0, 1 or nothing .*, found '2'"),
        ("id\tSP1\na\t0\nb\tyes\n", "found 'yes'"),
        ("id\tSP1\na\t0\nb\t1\na\t0\n", "ids of more than one row: a$"),
        ("id\tSP1\na\t0\n", "ids without a row of labels: b$"),
        ("id\tSP1\na\t0\nb\t1\nc\t1\n", "ids in the table but not among the sequences: c$"),
        ("id\tSP1\na\t\nb\t\n", "expected labels 0 and 1, found none that is measured"),
        ("id,SP1\na,0\nb," + "1" * 200_000, "field larger than field limit"),
    ],
)
def test_other_tables_are_refused(text, why, tmp_path):
    (tmp_path / "labels.tsv").write_text(text)
    with pytest.raises(ReceptiveError, match=f"labels.tsv: .*{why}") as caught:
        labels.read(tmp_path / "labels.tsv", ["a", "b"])
    assert "\n" not in str(caught.value)


def test_a_name_of_several_sequences_is_refused(tmp_path):
    (tmp_path / "labels.tsv").write_text("id\tSP1\n" + "".join(f"{id}\t1\n" for id in "abcde"))
    with pytest.raises(ReceptiveError, match=r"ids of more than one sequence: a, b, c and 2 more$"):
        labels.read(tmp_path / "labels.tsv", [*"abcde", *"abcde"])
