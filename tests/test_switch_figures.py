"""The figure of switches shows every difference with its interval, and says which leave 0 out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receptive import ablations
from receptive.figures.scores import COLOURS
from receptive.figures.switches import effects, effects_in_words

NAMES = {"threshold=0.7": ["D-7"], "beta_1=0.9": ["D-14"], "learning_rate=0.0003": ["D-14"]}
NETWORKS = ("cnn-2", "cnn-25")


def entry(variant, switch, intervals):
    """An entry of a report as far as the figure reads it; released without a switch."""
    ends = [
        found and dict(zip(("low", "estimate", "high"), sorted(found), strict=True)) for found in intervals
    ]
    return {
        "variant": variant,
        "protocol": f"released+{switch}" if switch else "released",
        "switches": {switch.partition("=")[0]: 1} if switch else {},
        "discrepancies": NAMES.get(switch, []),
        **{column: {"difference": end} for column, end in zip(ablations.COLUMNS, ends, strict=True)},
    }


CASES = [(variant, name) for variant in NETWORKS for name in NAMES]
intervals = st.none() | st.tuples(*[st.integers(-100, 100).map(lambda n: n / 100)] * 3).map(sorted)


@given(st.tuples(*[st.tuples(*[intervals] * 3)] * len(CASES)))
def test_every_difference_stands_in_its_row_with_its_interval(drawn):
    entries = [entry(variant, "", [None] * 3) for variant in NETWORKS]
    entries += [entry(*case, found) for case, found in zip(CASES, drawn, strict=True)]
    figure = effects(entries)
    rows = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert rows == [f"{name}  ({reasons[0]})" for name, reasons in NAMES.items()]
    clear = []
    for column, axes in enumerate(figure.axes):
        wanted = [(case, found[column]) for case, found in zip(CASES, drawn, strict=True) if found[column]]
        for bar, ((variant, name), (low, middle, high)) in zip(axes.containers, wanted, strict=True):
            mark, caps, _ = bar.lines
            assert mark.get_color() == COLOURS[NETWORKS.index(variant)]
            assert round(mark.get_ydata()[0]) == list(NAMES).index(name)
            assert mark.get_xdata() == pytest.approx([middle])
            assert np.concatenate([cap.get_xdata() for cap in caps]) == pytest.approx([low, high])
            leaves_0_out = low > 0 or high < 0
            assert (mark.get_markerfacecolor() != "white") == leaves_0_out
            clear += [f"{variant.upper()}, {name}"] if leaves_0_out else []
    words = effects_in_words(entries).split("; ")
    assert len(words) == len(clear) or (words, clear) == (["none"], [])
    assert all(any(word.startswith(each) for word in words) for each in clear)


def test_nothing_is_drawn_of_what_was_not_measured():
    figure = effects([entry("cnn-2", "threshold=0.7", [None] * 3)])
    assert [len(axes.containers) for axes in figure.axes] == [0, 0, 0]
