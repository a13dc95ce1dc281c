"""Receptive-field arithmetic against networks that are run, and against published architectures."""

import re
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests import strategies, work

from receptive.errors import UsageError
from receptive.theory.fields import (
    LayerField,
    interval,
    output_length,
    positions_seen,
    receptive_fields,
    same_padding,
    span,
)
from receptive.theory.layers import INPUT, Graph, Layer, Node, chain, format_layers, parse_layers

SMALL = st.integers(1, 30)


# --- the oracle: a network that is run -------------------------------------------------------------------


def windows(layer: Layer, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a layer's neurons look at, (batch, neurons, taps), zeros in padding.

    "Same" padding is found here without its formula: of all ways to pad, the one with ceil(n / stride)
    neurons, the fewest zeros, and the odd zero at the right.
    """
    n = x.shape[1]
    if layer.kind == "global":
        return x[:, np.newaxis, :]
    if layer.kind == "crop":
        return x[:, layer.padding[0] : n - layer.padding[1], np.newaxis]
    reach = (layer.size - 1) * layer.dilation
    left, right = layer.padding if isinstance(layer.padding, tuple) else (0, 0)
    if layer.padding == "same":
        while len(range(0, n + left + right - reach, layer.stride)) < np.ceil(n / layer.stride):
            left, right = (left, right + 1) if left == right else (left + 1, right)
    x = np.pad(x, ((0, 0), (left, right)))
    starts = range(0, x.shape[1] - reach, layer.stride)
    return np.stack([x[:, i : i + reach + 1 : layer.dilation] for i in starts], axis=1)


def run(graph: Graph, x: NDArray[np.float64], seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Outputs of all layers, (batch, neurons), of a network of one channel with positive random weights."""
    rng = np.random.default_rng(seed)
    made = {INPUT: x}
    for node in graph.nodes:
        below = [made[name] for name in node.inputs]
        kind = node.layer.kind
        if kind in ("add", "concat"):  # concatenated channels reach the next filter as a weighted sum
            made[node.layer.name] = reduce(np.add, [rng.uniform(0.5, 1.5) * branch for branch in below])
            continue
        looked_at = windows(node.layer, below[0])
        if kind == "conv":
            made[node.layer.name] = looked_at @ rng.uniform(0.5, 1.5, node.layer.size)
        else:
            made[node.layer.name] = looked_at.mean(2) if kind == "mean" else looked_at.max(2)
    return made


def responses(graph: Graph, length: int) -> dict[str, NDArray[np.bool_]]:
    """Which neurons change when a position of an empty sequence does: (positions, neurons) for every layer.

    With positive weights nothing cancels, and from zero upwards even a maximum lets every change through, so
    a neuron changes if and only if there is a path to it.
    """
    changed, still = run(graph, np.eye(length)), run(graph, np.zeros((1, length)))
    return {name: changed[name] != still[name] for name in changed}


def assert_seen_is_what_changes_a_neuron(graph: Graph, length: int) -> None:
    """Neuron by neuron, and over all neurons of the layers that no other one reads."""
    fields, response = receptive_fields(graph, length), responses(graph, length)
    read = {name for node in graph.nodes for name in node.inputs}
    for row in fields.rows:
        assert response[row.name].shape == (length, row.length)
        for neuron in range(row.length):
            changing = np.flatnonzero(response[row.name][:, neuron])
            assert positions_seen(fields, row.name, [neuron]).tolist() == changing.tolist()
            assert set(changing) <= set(interval(row, neuron))
    outputs = [response[row.name].any(axis=1) for row in fields.rows if row.name not in read]
    assert fields.positions_covered == np.any(outputs, axis=0).sum()


@pytest.mark.claim("RF-6")
@given(strategies.networks())
def test_seen_is_what_changes_a_neuron(network):
    layers, length = network
    assert_seen_is_what_changes_a_neuron(chain(layers), length)


@pytest.mark.claim("RF-6")
@given(strategies.graphs())
def test_seen_is_what_changes_a_neuron_of_a_graph(network):
    assert_seen_is_what_changes_a_neuron(*network)


@pytest.mark.claim("RF-6")
@given(strategies.networks(gapless=True))
def test_clipped_interval_is_exactly_what_changes_a_neuron_at_the_edges_too(network):
    layers, length = network
    response = responses(chain(layers), length)
    for row in receptive_fields(layers, length).rows:
        for neuron in range(row.length):
            assert list(interval(row, neuron)) == np.flatnonzero(response[row.name][:, neuron]).tolist()


def numbered(layer: Layer, length: int) -> Layer:
    """The layer with its "same" padding as numbers, which do not change with the length."""
    if layer.padding != "same":
        return layer
    ends = same_padding(length, span(layer.size, layer.dilation), layer.stride)
    return replace(layer, padding=ends)


@pytest.mark.claim("RF-6")
@given(strategies.networks())
def test_unclipped_interval_has_the_first_and_last_position_that_change_a_neuron_far_from_the_ends(network):
    """In short sequences padding and gaps hide this, so make room for every window and padding below."""
    layers, length = network
    assume(not any(layer.kind == "global" for layer in layers))
    rows = receptive_fields(layers, length).rows
    lengths = [length, *(row.length for row in rows)]
    layers = [numbered(layer, n) for layer, n in zip(layers, lengths, strict=False)]
    assert receptive_fields(layers, length).rows == rows
    row = rows[-1]
    jumps = [1, *(row.jump for row in rows)]
    ends = [0 if layer.padding == "valid" else sum(layer.padding) for layer in layers]
    room = row.size + sum(end * jump for end, jump in zip(ends, jumps, strict=False))
    neuron = room // row.jump + 1
    whole = interval(row, neuron, clipped=False)
    around = np.array([*range(whole[0] - 3, whole[0] + 1), *range(whole[-1], whole[-1] + 4)])
    changed = run(chain(layers), (np.arange(whole[-1] + 2 * room) == around[:, np.newaxis]).astype(float))
    response = list(changed.values())[-1][:, neuron] > 0
    assert response.tolist() == [False, False, False, True, True, False, False, False]


# --- laws ------------------------------------------------------------------------------------------------


def composed(below: LayerField, above: LayerField) -> tuple[int, int, int, int]:
    """Size, jump, start and uncertainty of a stack from those of its two pieces, each over its own input."""
    return (
        below.size + (above.size - 1) * below.jump,
        below.jump * above.jump,
        below.start + above.start * below.jump,
        below.uncertainty + (above.uncertainty - 1) * below.jump,
    )


@pytest.mark.claim("RF-6")
@given(strategies.networks(), st.data())
def test_a_stack_folded_in_two_pieces_is_the_whole_stack(network, data):
    layers, length = network
    cut = data.draw(st.integers(1, len(layers)))
    below = receptive_fields(layers[:cut], length).rows[-1]
    if cut == len(layers):
        above = LayerField("nothing", "conv", 1, 1, 0, below.length, 1, (0, below.length))
    else:
        above = receptive_fields(layers[cut:], below.length).rows[-1]
    whole = receptive_fields(layers, length).rows[-1]
    assert composed(below, above) == (whole.size, whole.jump, whole.start, whole.uncertainty)
    assert above.length == whole.length


@pytest.mark.claim("RF-1")
@given(SMALL)
def test_first_layer_sees_its_filter(k):
    row = receptive_fields([Layer("conv", k)], 100).rows[0]
    assert len(positions_seen(receptive_fields([Layer("conv", k)], 100), "conv1", [5])) == row.size == k


@pytest.mark.claim("RF-2", "RF-4")
@given(SMALL, SMALL, SMALL)
def test_pooling_enlarges_the_field_and_its_stride_sets_the_overlap(k, p, s):
    fields = receptive_fields([Layer("conv", k), Layer("pool", p, stride=s)], 100)
    row = fields.rows[1]
    first, next_one = (set(positions_seen(fields, "pool1", [neuron]).tolist()) for neuron in (0, 1))
    assert len(first) == row.size == k + p - 1
    assert len(first & next_one) == row.overlap == max(0, k + p - 1 - s)


@pytest.mark.claim("RF-4")
@given(SMALL, SMALL)
def test_windows_that_do_not_overlap_share_all_but_one_position_of_a_filter(k, p):
    fields = receptive_fields(parse_layers(f"conv{k}valid pool{p}"), 200)
    row = fields.rows[1]
    first, next_one = (set(positions_seen(fields, "pool1", [neuron]).tolist()) for neuron in (0, 1))
    assert len(first & next_one) == row.overlap == k - 1
    assert row.overlap_share == pytest.approx((k - 1) / (k + p - 1))
    larger = receptive_fields(parse_layers(f"conv{k}valid pool{p + 1}"), 200).rows[1]
    assert larger.overlap_share < row.overlap_share or k == 1


@pytest.mark.claim("RF-3")
@given(
    st.lists(st.tuples(st.sampled_from(["conv", "pool"]), st.integers(1, 4), st.integers(1, 3)), max_size=4),
    st.data(),
)
def test_uncertainty_is_how_far_a_feature_can_move_unnoticed(above, data):
    """Give later convolutions a single non-zero tap, since they weigh each tap apart; then put a lone feature
    at every place of the first layer's map, and see for which places the first neuron's value is the same.
    """
    layers = [Layer("conv", 3, data.draw(st.integers(1, 3)))] + [Layer(*layer) for layer in above]
    fields = receptive_fields(layers, 400)
    x = np.eye(fields.rows[0].length)
    for layer in layers[1:]:
        looked_at = windows(layer, x)
        tap = data.draw(st.integers(0, layer.size - 1))
        x = looked_at[:, :, tap] if layer.kind == "conv" else looked_at.max(2)
    places = np.flatnonzero(x[:, 0]) * fields.rows[0].jump
    assert set(x[x[:, 0] != 0, 0]) == {1.0}
    assert fields.rows[-1].uncertainty == places[-1] - places[0] + 1


@pytest.mark.claim("RF-3")
@given(SMALL, SMALL)
def test_uncertainty_after_one_pooling_is_the_window(k, p):
    assert receptive_fields(parse_layers(f"conv{k} pool{p}"), 100).rows[1].uncertainty == p


@pytest.mark.claim("RF-5")
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.data())
def test_four_numbers_set_the_field_of_a_layer(k, s, p, t, data):
    padding = data.draw(st.sampled_from(["same", "valid", (2, 0)]))
    kind = data.draw(st.sampled_from(["pool", "mean"]))
    layers = [Layer("conv", k, s, padding=padding, name="any"), Layer(kind, p, t, padding=padding)]
    row = receptive_fields(layers, data.draw(st.integers(100, 300))).rows[1]
    assert (row.size, row.jump) == (k + (p - 1) * s, s * t)
    for changed in ((k + 1, s, p, t), (k, s + 1, p, t), (k, s, p + 1, t), (k, s, p, t + 1)):
        other = receptive_fields([Layer("conv", *changed[:2]), Layer("pool", *changed[2:])], 300).rows[1]
        assert (other.size, other.jump) != (row.size, row.jump)


@given(st.integers(1, 60), SMALL, st.integers(1, 9))
def test_same_padding_keeps_one_neuron_for_every_stride(n, span, stride):
    left, right = same_padding(n, span, stride)
    assert 0 <= left <= right <= left + 1
    assert output_length(n, span, stride, (left, right)) == int(np.ceil(n / stride))


def test_rows_of_cnn_25_by_hand():
    """Koo & Eddy's CNN-25: 19 + 24 = 43; 43 + 4·25 = 143; 143 + 3·25 = 218. Starts: -9, and -9 - 2·25."""
    rows = receptive_fields(parse_layers("conv19 pool25 conv5 pool4"), 200).rows
    assert [row.name for row in rows] == ["conv1", "pool1", "conv2", "pool2"]
    assert [row.size for row in rows] == [19, 43, 143, 218]
    assert [row.jump for row in rows] == [1, 25, 25, 100]
    assert [row.start for row in rows] == [-9, -9, -59, -59]
    assert [row.length for row in rows] == [200, 8, 8, 2]
    assert [row.uncertainty for row in rows] == [1, 25, 25, 100]
    assert [row.overlap for row in rows] == [18, 18, 118, 118]


def test_output_sees_nothing_beyond_what_unpadded_pooling_leaves_over():
    fields = receptive_fields(
        parse_layers("conv5valid pool10"), 27
    )  # 23 neurons, 2 windows, so 20 neurons: positions 0 to 23
    assert fields.positions_covered == 24


# --- graphs ----------------------------------------------------------------------------------------------


def node(text: Any, name: str, *inputs: str) -> Node:
    """A node from the text form of its layer."""
    layer = Layer(text) if text == "add" or text == "concat" else parse_layers(text)[0]
    return Node(replace(layer, name=name), inputs)


@given(strategies.graphs())
def test_field_where_branches_meet_is_the_smallest_moving_window_that_holds_theirs(network):
    graph, length = network
    fields = receptive_fields(graph, length)
    rows = {row.name: row for row in fields.rows} | {
        INPUT: LayerField(INPUT, "conv", 1, 1, 0, length, 1, (0, length))
    }
    for joined in (node for node in graph.nodes if node.layer.kind in ("add", "concat")):
        row, branches = rows[joined.layer.name], [rows[name] for name in joined.inputs]
        assert row.jump == max(branch.jump for branch in branches if branch.length == row.length)
        left, right = [], []
        for neuron in range(row.length):
            whole = interval(row, neuron, clipped=False)
            # the one neuron of a branch, added to all of the others, stands still
            parts = [interval(branch, min(neuron, branch.length - 1), clipped=False) for branch in branches]
            left.append(min(part.start for part in parts) - whole.start)
            right.append(whole.stop - max(part.stop for part in parts))
        assert min(left) == min(right) == 0
        centres = {
            tuple(branch.centre + min(i, branch.length - 1) * branch.jump for i in range(row.length))
            for branch in branches
        }
        assert (row.unaligned == "") == (len(centres) == 1)


def test_sum_is_as_uncertain_and_reaches_as_far_as_its_branches():
    graph = Graph(
        (
            node("pool3s1same", "pool", INPUT),
            node("crop2", "crop", "pool"),
            node("pad2", "pad", "crop"),
            node("add", "one", "pad", INPUT),
            node("concat", "other", INPUT, "pad"),
        )
    )
    for name in ("one", "other"):
        row = receptive_fields(graph, 10).row(name)
        assert row.uncertainty == 3
        assert 0 in interval(row, 0)
        assert 9 in interval(row, 9)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), min_size=1, max_size=5))
def test_residual_tower_of_odd_filters_is_aligned_and_sees_its_longest_path(blocks):
    nodes, below, size = [], INPUT, 1
    for i, (half, dilation) in enumerate(blocks):
        nodes += [
            node(f"conv{2 * half + 1}d{dilation}", f"conv{i}", below),
            node("add", f"add{i}", below, f"conv{i}"),
        ]
        below, size = f"add{i}", size + 2 * half * dilation
    fields = receptive_fields(Graph(tuple(nodes)), 50)
    row = fields.rows[-1]
    assert fields.unaligned == ()
    assert (row.size, row.jump, row.start, row.length) == (size, 1, -(size // 2), 50)


def test_branches_with_other_centres_are_reported_with_both_paths():
    graph = Graph(
        (
            node("conv3", "stem", INPUT),
            node("conv5", "a", "stem"),
            node("conv3", "b", "a"),
            node("conv4", "c", "stem"),
            node("concat", "join", "b", "c"),
        )
    )
    (why,) = receptive_fields(graph, 20).unaligned
    assert "join" in why
    assert "a → b" in why
    assert "through c " in why
    assert "centred on 0 and 0.5" in why
    assert why in str(receptive_fields(graph, 20))


def test_of_branches_of_one_neuron_the_jumps_do_not_matter():
    graph = Graph((node("pool4", "a", INPUT), node("conv4valid", "b", INPUT), node("concat", "c", "a", "b")))
    fields = receptive_fields(graph, 4)
    assert [(row.length, row.jump, row.centre) for row in fields.rows[:2]] == [(1, 4, 1.5), (1, 1, 1.5)]
    assert fields.unaligned == ()


def test_branches_with_other_jumps_are_reported_and_held_in_one_window():
    graph = Graph(
        (
            node("conv3s2valid", "fast", INPUT),
            node("conv3valid", "slow", INPUT),
            node("crop0,4", "cut", "slow"),
            node("add", "join", "fast", "cut"),
        )
    )
    fields = receptive_fields(graph, 10)
    row = fields.row("join")
    assert "fast" in row.unaligned
    assert "slow → cut" in row.unaligned
    assert "move by 2 and 1 positions" in row.unaligned
    assert (row.start, row.size, row.jump, row.length) == (-3, 6, 2, 4)


def test_neurons_without_neighbours_do_not_move():
    """Two global poolings, over all positions and over every other one, of the same middle."""
    graph = Graph(
        (
            node("global", "all", INPUT),
            node("conv1s2", "half", INPUT),
            node("global", "few", "half"),
            node("concat", "both", "all", "few"),
        )
    )
    assert receptive_fields(graph, 11).unaligned == ()


def test_squeeze_and_excitation_shows_every_neuron_the_whole_sequence():
    graph = Graph(
        (
            node("conv3", "conv", INPUT),
            node("global", "squeeze", "conv"),
            node("add", "scale", "squeeze", "conv"),
            node("conv3", "next", "scale"),
        )
    )
    fields = receptive_fields(graph, 32)
    row = fields.row("scale")
    assert all(list(interval(row, neuron)) == list(range(32)) for neuron in range(32))
    assert (row.size, row.jump, row.start, row.length, row.uncertainty) == (34 + 31, 1, -1 - 31, 32, 32)
    assert "move by 0 and 1 positions; every neuron sees all of the one that stands still" in row.unaligned
    assert fields.row("next").size == row.size + 2


def test_the_taps_of_large_filters_are_not_followed_one_by_one():
    """A million taps of a million neurons would be (`seen` marks where windows open)."""

    def covered(size):
        fields = receptive_fields(parse_layers(f"conv{size} conv{size}d3"), 1_000_000)
        assert fields.positions_covered == 1_000_000
        assert len(positions_seen(fields, fields.rows[1].name, [0, 999_999])) > size

    assert work.lines(lambda: covered(999_999)) == work.lines(lambda: covered(9))


def test_identity_branch_is_named_by_where_it_leaves():
    graph = Graph(
        (node("conv3", "stem", INPUT), node("conv2", "a", "stem"), node("add", "join", "stem", "a"))
    )
    assert "through stem itself and through a " in receptive_fields(graph, 20).rows[-1].unaligned


def test_same_padded_strided_block_and_its_shortcut_part_ways_on_even_lengths_only():
    """TensorFlow pads an even length at the right alone, which moves a strided filter off its shortcut."""
    graph = Graph(
        (
            node("conv3s2", "a", INPUT),
            node("conv1s2", "shortcut", INPUT),
            node("add", "join", "a", "shortcut"),
        )
    )
    assert receptive_fields(graph, 21).unaligned == ()
    assert len(receptive_fields(graph, 20).unaligned) == 1


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ((), "no layers"),
        ((Node(Layer("conv", 3), (INPUT,)),), "needs a name"),
        ((node("conv3", "a", INPUT), node("conv3", "a", "a")), 'found "a"'),
        ((node("conv3", "a", "b"),), r"reads \['b'\]"),
        ((node("conv3", "a"),), "reads nothing"),
        ((node("conv3", "a", INPUT), node("conv3", "b", INPUT, "a")), "reads one layer"),
    ],
)
def test_impossible_graph(nodes, words):
    with pytest.raises(UsageError, match=words):
        Graph(nodes)


def test_branches_of_different_lengths():
    graph = Graph((node("conv3valid", "a", INPUT), node("add", "join", INPUT, "a")))
    with pytest.raises(
        UsageError, match="join: branches of different lengths meet: input has 10 neurons, a has 8"
    ):
        receptive_fields(graph, 10)


def test_channels_of_one_neuron_cannot_be_joined_to_those_of_many():
    graph = Graph((node("global", "all", INPUT), node("concat", "join", "all", INPUT)))
    with pytest.raises(UsageError, match="different lengths meet: input has 10 neurons, all has 1"):
        receptive_fields(graph, 10)


# --- published architectures, as 1-D stacks --------------------------------------------------------------

VGG_16 = "conv3 conv3 pool2 conv3 conv3 pool2 " + 3 * "conv3 conv3 conv3 pool2 "
BASENJI = (
    "conv22 conv1 pool2 conv6 pool4 conv6 pool4 conv6 pool4 conv3 "
    "conv3d2 conv3d4 conv3d8 conv3d16 conv3d32 conv3d64"
)


@pytest.mark.claim("RF-6")
@pytest.mark.parametrize(
    ("layers", "length", "size", "jump", "start", "neurons"),
    [
        # Araujo, Norris & Sim (2019), Distill, doi:10.23915/distill.00021, give VGG-16 a field of 212 at
        # stride 32 with 90 positions of padding (Simonyan & Zisserman 2015): 1 + 2·2 + 1 = 6, + 4·2 + 2 = 16,
        # + 6·4 + 4 = 44, + 6·8 + 8 = 100, + 6·16 + 16 = 212; padding 1 + 1 + 2 + 2 + 3·4 + 3·8 + 3·16 = 90.
        (VGG_16, 224, 212, 32, -90, 7),
        # The same article's AlexNet (TF-Slim's alexnet_v2, Krizhevsky 2014) has 195 at stride 32, padding 64:
        # 11, + 2·4 = 19, + 4·8 = 51, + 2·8 = 67, + 3·2·16 = 163, + 2·16 = 195; padding 2·8 + 3·16 = 64.
        ("conv11s4valid pool3s2 conv5 pool3s2 conv3 conv3 conv3 pool3s2", 224, 195, 32, -64, 5),
        # DeepSEA (Zhou & Troyanskaya 2015, Supplement: 320, 480, 960 filters of 8, pools of 4, unpadded):
        # 8, + 3 = 11, + 7·4 = 39, + 3·4 = 51, + 7·16 = 163. The dense layer reads 960·53 numbers.
        ("conv8valid pool4 conv8valid pool4 conv8valid", 1000, 163, 16, 0, 53),
        # Basset (Kelley, Snoek & Rinn 2016: filters of 19, 11, 7, pools of 3, 4, 4, unpadded, 600 nt):
        # 19, + 2 = 21, + 10·3 = 51, + 3·3 = 60, + 6·12 = 132, + 3·12 = 168. The dense layer reads 200·10.
        ("conv19valid pool3 conv11valid pool4 conv7valid pool4", 600, 168, 48, 0, 10),
        # DanQ (Quang & Xie 2016: 320 filters of 26, pool 13, 1000 nt), up to its recurrent layer, which reads
        # 75 steps: 26 + 12 = 38.
        ("conv26valid pool13", 1000, 38, 13, 0, 75),
        # Basenji (Kelley et al. 2018; manuscript/params.txt in calico/basenji): 22 + 1 = 23, + 5·2 = 33,
        # + 3·2 = 39, + 5·8 = 79, + 3·8 = 103, + 5·32 = 263, + 3·32 = 359; then, in bins of 128, 1, 2, 4, ...
        # 64 on either side, + 2·127·128 = 32871. Start: - 10; a filter of 6 has 2 on its left, at jumps of
        # 2, 8 and 32, - 84; - 127·128.
        (BASENJI, 131072, 32871, 128, -10 - 84 - 127 * 128, 1024),
    ],
    ids=["VGG-16", "AlexNet", "DeepSEA", "Basset", "DanQ", "Basenji"],
)
def test_published_chain(layers, length, size, jump, start, neurons):
    row = receptive_fields(parse_layers(layers), length).rows[-1]
    assert (row.size, row.jump, row.start, row.length) == (size, jump, start, neurons)


@pytest.mark.claim("RF-6")
def test_bpnet():
    """Avsec et al. (2021): a filter of 25, then nine residual filters of 3, dilated by 2, 4, ... 512.

    The paper gives ±1034 nt: 12 + 2 + 4 + ... + 512 = 12 + 1022.
    """
    nodes, below = [node("conv25", "conv", INPUT)], "conv"
    for i in range(1, 10):
        nodes += [node(f"conv3d{2**i}", f"dilated{i}", below), node("add", f"sum{i}", below, f"dilated{i}")]
        below = f"sum{i}"
    fields = receptive_fields(Graph(tuple(nodes)), 1000)
    row = fields.rows[-1]
    assert fields.unaligned == ()
    assert (row.size, row.jump, row.start, row.length) == (2 * 1034 + 1, 1, -1034, 1000)


@pytest.mark.claim("RF-6")
def test_resnet_50():
    """He et al. (2016), strides where TF-Slim has them (last unit of a block), padding (k - 1) / 2.

    Araujo, Norris & Sim (2019) give a field of 483 at stride 32 with 239 positions of padding. By hand: 7,
    + 2·2 = 11, then 2·jump for every unit: + 3·2·4 = 35, + 4·2·8 = 99, + 6·2·16 = 291, + 3·2·32 = 483.
    Padding: 3, then 0 in pooling (an even length), then half of what the units add, 3·4 + 4·8 + 6·16 + 3·32.
    """
    nodes = [node("conv7s2p3", "stem", INPUT), node("pool3s2same", "pool", "stem")]
    below = "pool"
    for block, (units, stride) in enumerate([(3, 2), (4, 2), (6, 2), (3, 1)], 1):
        for unit in range(1, units + 1):
            name, step = f"{block}.{unit}", stride if unit == units else 1
            nodes += [
                node("conv1", f"in{name}", below),
                node(f"conv3s{step}p1", f"mid{name}", f"in{name}"),
                node("conv1", f"out{name}", f"mid{name}"),
                node(f"pool1s{step}", f"shortcut{name}", below),
                node("add", f"sum{name}", f"shortcut{name}", f"out{name}"),
            ]
            below = f"sum{name}"
    fields = receptive_fields(Graph(tuple(nodes)), 224)
    row = fields.rows[-1]
    assert fields.unaligned == ()
    assert (row.size, row.jump, row.start, row.length) == (483, 32, -239, 7)


# --- the text form ---------------------------------------------------------------------------------------


@given(st.lists(strategies.layers(), min_size=1, max_size=6), st.data())
def test_text_form_round_trip(layers, data):
    text = format_layers(layers)
    assert parse_layers(text) == tuple(layers)
    space = data.draw(st.text(" \t\n", min_size=1))
    assert parse_layers(space + space.join(text.split(" ")) + space) == tuple(layers)


@pytest.mark.parametrize(
    "text", ["conv19 pool25 conv5 pool4", "conv19 pool50s2same conv5 pool50", "pad3 crop1,2 global"]
)
def test_text_form_leaves_defaults_out(text):
    assert format_layers(parse_layers(text)) == text


def test_text_form_by_hand():
    assert parse_layers("conv19s2d4same pool50s2 conv5p4,0 mean3 conv7validd2s3 crop2 pad1,0 global") == (
        Layer("conv", 19, 2, 4, "same"),
        Layer("pool", 50, 2, 1, "valid"),
        Layer("conv", 5, 1, 1, (4, 0)),
        Layer("mean", 3, 3, 1, "valid"),
        Layer("conv", 7, 3, 2, "valid"),
        Layer("crop", padding=(2, 2)),
        Layer("pad", padding=(1, 0)),
        Layer("global"),
    )


@pytest.mark.parametrize(
    ("text", "caret", "words"),
    [
        ("conv19 pol25", 7, 'found "pol25"'),
        ("conv", 4, "the size of conv"),
        ("conv3 convx", 10, 'found "x"'),
        ("conv3s", 5, 'found "s"'),
        ("conv3s2 conv3s2s3", 15, "the stride is given twice"),
        ("conv3same pool4samep1", 19, "the padding is given twice"),
        ("conv5 pool3d2", 6, "a pooling window has no dilation"),
        ("conv0", 0, "the size must be 1 or more, not 0"),
        ("conv5 conv3s0", 6, "the stride must be 1 or more, not 0"),
        ("conv5d0", 0, "the dilation must be 1 or more, not 0"),
        ("conv-3", 4, 'found "-3"'),
        ("conv5x", 5, 'found "x"'),
        ("conv5p2,", 6, "left,right"),
        ("pad", 3, "a number, or left,right"),
        ("global3", 6, "the end of the layer"),
        ("conv5 pool1234567", 10, "up to six digits"),
        ("conv²", 4, 'found "²"'),
        ("conv5,pool2", 5, 'found ",pool2"'),
    ],
)
def test_errors_point_at_the_character(text, caret, words):
    with pytest.raises(UsageError) as caught:
        parse_layers(text)
    first, shown, pointer = str(caught.value).split("\n")
    assert f"character {caret + 1}:" in first
    assert words in first
    assert shown == "  " + text
    assert pointer == " " * (2 + caret) + "^"


@pytest.mark.parametrize("text", ["", "  \n"])
def test_text_without_layers(text):
    with pytest.raises(UsageError, match="no layers"):
        parse_layers(text)


@given(st.text("convplmeadrgbst0123456789, \n-x"))
def test_any_text_is_layers_or_an_error_with_a_caret(text):
    try:
        layers = parse_layers(text)
    except UsageError as error:
        pointer = str(error).split("\n")[-1]
    else:
        pointer = "^" if parse_layers(format_layers(layers)) == layers else "another network"
    assert not text.strip() or pointer.strip() == "^"


# --- results and bad input -------------------------------------------------------------------------------


@given(strategies.networks())
def test_table_and_json_tell_the_same(network):
    fields = receptive_fields(*network)
    document = fields.json()
    lines = str(fields).splitlines()
    assert document["input_length"] == fields.input_length
    assert len({len(line) for line in lines[: len(fields.rows) + 1]}) == 1
    for row, layer, line in zip(fields.rows, document["layers"], lines[1:], strict=False):
        shown = ("name", "kind", "size", "jump", "start", "length", "uncertainty", "overlap")
        assert line.split()[:-1] == [str(layer[key]) for key in shown]
        assert [layer[key] for key in shown] == [getattr(row, key) for key in shown]
    assert (
        lines[-1] == f"The output sees {fields.positions_covered} of {fields.input_length} input positions."
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kind": "conv", "size": 0}, "layer conv0valid: the size must be 1 or more, not 0"),
        ({"kind": "pool", "size": 4, "stride": -1, "name": "p"}, r"layer p \(pool4s-1\): the stride"),
        ({"kind": "conv", "size": 4, "dilation": 0}, "the dilation"),
        ({"kind": "mean", "size": 4, "stride": 4, "dilation": 2}, "no dilation, found 2"),
        ({"kind": "conv", "padding": (1, -1)}, r"padding must be 0 or more, not \(1, -1\)"),
        ({"kind": "conv", "padding": "full"}, 'same, valid or two numbers, not "full"'),
        ({"kind": "crop"}, "crop needs the numbers"),
        ({"kind": "pad", "size": 2, "padding": (1, 1)}, "pad has no size"),
        ({"kind": "global", "padding": "same"}, "global has no padding"),
        ({"kind": "dense"}, 'no layer is called "dense"'),
    ],
)
def test_impossible_layer(arguments, words):
    with pytest.raises(UsageError, match=words):
        Layer(**arguments)


@pytest.mark.parametrize(
    ("text", "length", "words"),
    [
        (
            "conv19valid",
            18,
            r"conv1 \(conv19valid\) has no output: it needs 19 neurons of the sequence, which has 18",
        ),
        (
            "conv19 pool25 conv5 pool4",
            60,
            r"pool2 \(pool4\) .* needs 4 neurons of conv2, which has 2 on an input of 60",
        ),
        ("conv5p1", 2, r"needs 3 neurons of the sequence, which has 2"),
        ("conv3 crop5", 10, r"crop1 \(crop5\) has no output: it removes 10 neurons of conv1, which has 10"),
        ("conv3", 0, "the input length must be 1 or more, not 0"),
    ],
)
def test_sequence_too_short(text, length, words):
    with pytest.raises(UsageError, match=words):
        receptive_fields(parse_layers(text), length)


def test_no_such_layer_or_neuron():
    fields = receptive_fields(parse_layers("conv3"), 10)
    with pytest.raises(UsageError, match='no layer is called "pool1"; there are conv1'):
        positions_seen(fields, "pool1")
    for neuron in (10, -1):
        with pytest.raises(UsageError, match="neurons 0 to 9"):
            positions_seen(fields, "conv1", [neuron])


def test_names_number_layers_of_a_kind_and_keep_given_ones():
    layers = (Layer("conv", 3), Layer("conv", 3, name="mine"), Layer("mean", 2), Layer("conv", 3))
    assert [node.layer.name for node in chain(layers).nodes] == ["conv1", "mine", "mean1", "conv3"]
    assert re.match(r"layer\s+kind", str(receptive_fields(layers, 30)))
