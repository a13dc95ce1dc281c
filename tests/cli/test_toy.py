"""``receptive toy``: the command, its document and its figures."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from receptive.cli.toy import toy
from receptive.errors import UsageError
from receptive.figures.toy import bin_differences, figure_1, information_against_pool, pool_sizes
from receptive.theory import toy as model

app = typer.Typer()
app.command()(toy)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.claim("TOY-1")
def test_the_document_at_pool_3():
    document = json.loads(run("--pool", "3", "--stride", "3", "--width", "3", "--json"))
    assert document["resolved"] == {"CACGTG": True, "GTGCAC": True, "CACNNGTG": True}
    assert document["confusion"]["CACGTG|CACNNGTG"] == pytest.approx(1 / 3)
    assert document["confusion"]["CACNNGTG|CACGTG"] == 1
    assert len(document["confusion"]) == 6
    assert document["information_bits"] == model.information(model.PATTERNS, 3, 3)
    assert document["signatures"]["CACNNGTG"] == [["CAC"], [], ["GTG"]]


@pytest.mark.claim("TOY-2")
def test_the_document_at_pool_20():
    document = json.loads(run("--pool", "20", "--json"))
    assert document["resolved"] == {"CACGTG": False, "GTGCAC": False, "CACNNGTG": False}
    assert document["stride"] == 20
    assert set(map(str, document["signatures"].values())) == {"[['GTG', 'CAC']]"}


@given(st.integers(1, 60), st.none() | st.integers(1, 60), st.integers(1, 60))
def test_the_text_says_what_the_document_says(pool, stride, width):
    options = ["--pool", str(pool), "--width", str(width), *(["--stride", str(stride)] if stride else [])]
    document = json.loads(run(*options, "--json"))
    text = run(*options)
    for name, resolved in document["resolved"].items():
        assert re.search(rf"^{name} +{'yes' if resolved else 'no'}\b", text, re.MULTILINE)
    assert f"{document['information_bits']:.3f} of 1.585 kept" in text
    for share in document["confusion"].values():
        assert f"{share:.3f}" in text


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_a_figure_is_written_in_the_format_of_its_name(tmp_path, suffix):
    path = tmp_path / f"figure{suffix}"
    run("--pool", "20", "--figure", str(path))
    begins = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}
    assert path.read_bytes().startswith(begins[suffix])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pool", "0"], "pool: expected 1 to 60, the length of the sequence, found 0"),
        (["--pool", "-3"], "pool: .* found -3"),
        (["--pool", "61"], "pool: .* found 61"),
        (["--stride", "0"], "stride: .* found 0"),
        (["--width", "0"], "width: .* found 0"),
        (["--figure", "figure.gif"], "figure.gif"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, message):
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, UsageError)
    assert re.search(message, str(result.exception))
    assert not Path("figure.gif").exists()


@pytest.mark.parametrize(
    ("pool", "stride", "width"), [(3, 3, 3), (20, 20, 3), (20, 1, 3), (1, 1, 6), (2, 5, 60), (60, 60, 60)]
)
def test_figure_1_shows_the_sequence_and_the_verdicts(pool, stride, width):
    drawn = figure_1(pool, stride, width)
    texts = [text.get_text() for text in drawn.axes[0].texts]
    for name, resolved in model.toy_model(pool, stride, width).is_resolved.items():
        assert f"{name}\n{'resolved' if resolved else 'not resolved'}" in texts
    assert "".join(text for text in texts if len(text) == 1) == model.SEQUENCE


@pytest.mark.claim("TOY-1", "TOY-2")
@pytest.mark.parametrize("pool", [3, 20])
def test_figure_1_fills_the_units_that_are_lit(pool):
    maps = [model.scan(model.SEQUENCE), model.max_pool(model.scan(model.SEQUENCE), pool, pool)]
    expected = [(units[:, channel] > 0).tolist() for units in maps for channel in (0, 1)]
    rows = figure_1(pool).axes[0].collections
    assert [(row.get_facecolor()[:, 3] > 0).tolist() for row in rows[:4]] == expected
    signatures = [row.get_facecolor()[:, 3].sum() for row in rows[4:]]
    assert signatures == [1] * 6  # one unit of each filter for each of the three patterns


def test_the_information_figure_draws_the_information():
    drawn = information_against_pool(range(1, 9))
    whole = {line.get_label(): line for line in drawn.axes[0].lines}
    seen = {line.get_label(): line for line in drawn.axes[1].lines}
    for label, stride in (("stride = pool", None), ("stride 1", 1), ("stride 2", 2)):
        pools = [pool for pool in range(1, 9) if pool >= (stride or 1)]
        for line, width in ((whole[label], None), (seen[label], 3)):
            bits = [model.information(model.PATTERNS, pool, stride or pool, width) for pool in pools]
            assert np.array_equal(line.get_xdata(), pools)
            assert np.array_equal(line.get_ydata(), bits)


@pytest.mark.claim("TOY-1", "TOY-2")
def test_the_row_of_pool_sizes_shows_maps_and_verdicts():
    axes = pool_sizes((3, 20)).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert "".join(text for text in texts if len(text) == 1) == model.SEQUENCE
    verdicts = [text for text in texts if "resolved" in text]
    assert verdicts == ["not resolved"] * 3 + ["resolved"] * 3
    maps = [model.max_pool(model.scan(model.SEQUENCE), pool, pool) for pool in (20, 3)]
    expected = [(units[:, channel] > 0).tolist() for units in maps for channel in (0, 1)]
    assert [(row.get_facecolor()[:, 3] > 0).tolist() for row in axes.collections] == expected
    assert [label.get_text() for label in axes.get_yticklabels()] == ["sequence", "pool 20", "pool 3"]


def test_the_figure_of_bin_differences_counts_phases():
    pools = range(1, 12)
    for axes, pattern in zip(bin_differences(pools=pools).axes, model.PATTERNS, strict=True):
        first, other = (offset for _, offset in pattern.features)
        for apart, bars in enumerate(axes.containers):
            for pool, bar in zip(pools, bars, strict=True):
                offsets = [
                    abs((phase + first) // pool - (phase + other) // pool)
                    in ([apart] if apart < 3 else range(3, 9))
                    for phase in range(pool)
                ]
                assert bar.get_height() == pytest.approx(sum(offsets) / pool)


def test_the_toy_model_needs_no_tensorflow():
    code = "import sys, receptive.theory.toy, receptive.cli.toy; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
