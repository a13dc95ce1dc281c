"""The figures of switches and protocols show every number with its spread, and say what is to be seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receptive.evidence import ablations
from receptive.evidence.ablations import Row
from receptive.evidence.statistics import Interval
from receptive.figures.matches import PANELS, POOLS
from receptive.figures.scores import COLOURS
from receptive.figures.switches import by_protocol, by_protocol_in_words, effects, effects_in_words
from receptive.protocols import PAPER, RELEASED, protocol, with_other_reading

NAMES = {"threshold=0.7": ["D-7"], "beta_1=0.9": ["D-14"], "learning_rate=0.0003": ["D-14"]}
NETWORKS = ("cnn-2", "cnn-25")


def entry(variant, switch, intervals):
    """Runs by a switch as far as the figure reads them; released without a switch."""
    ends = [
        interval and Interval(*(sorted(interval)[place] for place in (1, 0, 2))) for interval in intervals
    ]
    name, _, value = switch.partition("=")
    switched = protocol("released", **({name: float(value)} if switch else {}))
    return Row(variant, switched, {}, dict(zip(ablations.COLUMNS, ends, strict=True)))


CASES = [(variant, name) for variant in NETWORKS for name in NAMES]
intervals = st.none() | st.tuples(*[st.integers(-100, 100).map(lambda n: n / 100)] * 3).map(sorted)


@settings(max_examples=settings.default.max_examples // 4)
@given(st.tuples(*[st.tuples(*[intervals] * 3)] * len(CASES)))
def test_every_difference_stands_in_its_row_with_its_interval(drawn):
    entries = [entry(variant, "", [None] * 3) for variant in NETWORKS]
    entries += [entry(*case, intervals) for case, intervals in zip(CASES, drawn, strict=True)]
    figure = effects(entries)
    rows = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert rows == [f"{name}  ({reasons[0]})" for name, reasons in NAMES.items()]
    clear = []
    for column, axes in enumerate(figure.axes):
        wanted = [
            (case, intervals[column])
            for case, intervals in zip(CASES, drawn, strict=True)
            if intervals[column]
        ]
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
    assert all(any(word.startswith(case) for word in words) for case in clear)


def test_nothing_is_drawn_of_what_was_not_measured():
    figure = effects([entry("cnn-2", "threshold=0.7", [None] * 3)])
    assert [len(axes.containers) for axes in figure.axes] == [0, 0, 0]


PROTOCOLS = {RELEASED: "released", PAPER: "paper", with_other_reading(PAPER): "paper, read as released"}
shares = st.lists(st.integers(0, 100).map(lambda n: n / 100), min_size=1, max_size=3)
numbers = st.fixed_dictionaries(dict.fromkeys(PANELS, shares))


CELLS = [(variant, name) for variant in ("cnn-1", "cnn-10", "cnn-100") for name in PROTOCOLS]


@settings(max_examples=settings.default.max_examples // 4)
@given(st.tuples(*[st.none() | numbers for _ in CELLS]))
def test_every_share_stands_at_its_pool_size_in_the_line_of_its_protocol(values):
    drawn = dict(zip(CELLS, values, strict=True))
    nothing = dict.fromkeys(PANELS, ())
    entries = [
        Row(variant, name, {column: dict(enumerate(v)) for column, v in (intervals or nothing).items()}, {})
        for (variant, name), intervals in drawn.items()
    ]
    words = by_protocol_in_words(entries)
    for axes, column in zip(by_protocol(entries).axes, PANELS, strict=True):
        lines = dict(zip(axes.get_legend_handles_labels()[1], axes.containers, strict=True))
        assert list(lines) == list(PROTOCOLS.values())
        for name, label in PROTOCOLS.items():
            mark, caps, _ = lines[label].lines
            shown = [
                (variant, intervals and intervals[column])
                for (variant, protocol_name), intervals in drawn.items()
                if protocol_name == name
            ]
            assert mark.get_xdata() == pytest.approx([POOLS[variant] for variant, _ in shown], rel=0.1)
            means, ends = mark.get_ydata(), caps[1].get_ydata()
            for (_, expected), mean, end in zip(shown, means, ends, strict=True):
                assert np.isnan(mean) if expected is None else mean == pytest.approx(np.mean(expected))
                sd = np.std(expected, ddof=1) if expected and len(expected) > 1 else 0
                assert expected is None or end == pytest.approx(mean + sd)
            assert (f". {label}: pool" in f". {words}") == any(expected for _, expected in shown)
