"""What the explorers of the pages look up, against the library."""

import base64
import json
from pathlib import Path
from urllib.parse import unquote

import explorers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from trials import heights

from receptive.errors import ReceptiveError
from receptive.evidence.studies import read_pwms
from receptive.motifs import tomtom
from receptive.motifs.jaspar import jaspar_2016
from receptive.motifs.meme import read_meme
from receptive.replication import runs
from receptive.theory import prediction, toy
from receptive.theory.fields import receptive_fields
from receptive.theory.layers import parse_layers

RESULTS = Path(__file__).parents[1] / "results"


@pytest.fixture(scope="module")
def the_toy():
    return explorers.toys().data


@given(pool=st.integers(1, explorers.POOLS), of=st.data())
def test_the_toy_says_for_each_phase_what_a_pattern_may_be_taken_for(the_toy, pool, of):
    """Counted over the phases this is the library's confusion; and bits and bins are the library's."""
    stride = of.draw(st.integers(1, pool))
    at_width = of.draw(st.integers(0, len(explorers.WIDTHS) - 1))
    at_distance = of.draw(st.integers(0, len(explorers.DISTANCES) - 1))
    width, patterns = explorers.WIDTHS[at_width], explorers.three(explorers.DISTANCES[at_distance])
    document = the_toy["settings"][f"{pool} {stride}"]
    place = at_width * len(explorers.DISTANCES) + at_distance
    assert document["bits"][place] == round(toy.information(patterns, pool, stride, width), 2)
    for row, pattern in enumerate(patterns):
        masks = the_toy["texts"][document["like"][3 * place + row]]
        assert len(masks) == stride
        for column, other in enumerate(patterns):
            phases = sum(int(mask) >> column & 1 for mask in masks)
            assert phases == toy.confusion(other, pattern, pool, stride, width) * stride
        for phase in range(stride):
            lit = toy.lit_units(pattern, phase, pool, stride)
            for channel, offset in pattern.features:
                first, last = document["bins"][2 * (phase + offset) :][:2]
                assert {(bin, channel) for bin in range(first, last + 1)} <= lit


def test_a_filter_matches_from_the_step_on_at_which_tomtom_says_so():
    for _, name, layer in (explorers.SHOWN[2], explorers.SHOWN[5]):
        folder = RESULTS / "synthetic" / name / "released" / "trial-1"
        record = explorers.filters_of(folder, layer)
        assert record["page"] == f"../results/synthetic/{name}/released/trial-1/index.html"
        kept = read_meme(folder / f"{layer}.meme")
        for at, step in list(enumerate(explorers.STEPS))[3::3]:
            matches = tomtom.match(kept, jaspar_2016(), step)
            assert [bool(match.hits) for match in matches] == [row[3] <= at for row in record["filters"]]
            shares = runs.summary(matches, runs.load(folder).plan.classes)
            expected = (shares.jaspar, shares.jaspar_without_gmeb1, shares.relevant)
            assert record["shares"][at] == [f"{share:.3f}" for share in expected]
            relevant = sum(row[4] <= at for row in record["filters"]) / len(kept)
            assert relevant == pytest.approx(shares.relevant)
        whole = read_meme(folder / f"{layer}.untrimmed.meme")
        for row, motif, part in zip(record["filters"], whole, kept, strict=True):
            assert heights(motif.pwm) == row[0]
            assert (motif.pwm[row[1] : row[1] + row[2]] == part.pwm).all()


def test_without_runs_there_is_no_explorer_of_filters(tmp_path):
    assert explorers.filters(tmp_path) is None
    assert explorers.explorer("filters", tmp_path).text == ""
    assert explorers.explorer("epochs", tmp_path).text == ""


def test_filters_over_epochs_are_those_that_were_kept():
    """Numbers as the files have them; letters as tall as the kept PWMs make them, blank without a site."""
    made = explorers.epochs(RESULTS)
    assert "CNN-2, exponential" in made.controls[0].words
    assert made.controls[1].most == max(len(run["epoch"]) for run in made.data["runs"]) - 1
    for run in made.data["runs"]:
        folder = RESULTS / Path(unquote(run["page"])).relative_to("../results").parent
        kept = json.loads((folder / "epochs.json").read_text("utf-8"))
        pwms = np.load(folder / "epochs.pwm.npz")["pwm"]
        assert run["epoch"] == tuple(kept["epoch"])
        for place, filters in enumerate(run["filters"]):
            assert run["loss"][place] == f"{kept['loss'][place]:.3f}"
            assert run["bits"][place] == f"{sum(kept['bits'][place]) / len(filters):.1f}"
            assert [factor for _, factor, _ in filters] == kept["factor"][place]
            shares = sum(kept["matches"][place]), sum(map(bool, kept["factor"][place]))
            assert run["shares"][place] == tuple(f"{share / len(filters):.3f}" for share in shares)
            for (text, _, matches), pwm in zip(filters, pwms[place], strict=True):
                tall = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, 4)
                assert tall.shape == pwm.shape
                tallest = np.take_along_axis(pwm, tall.argmax(1)[:, None], axis=1)[:, 0]
                assert (tallest + 4.0 >= pwm.max(1))[tall.max(1) > 40].all()
                bits = 2 + special.xlogy(pwm / 255, pwm / 255).sum(1) / np.log(2)
                blank = pwm.sum() == 0
                assert np.abs(tall.sum(1) / 127.5 - (0 if blank else bits)).max() < 0.06
                assert not (blank and matches)


def test_every_network_with_kept_epochs_can_be_chosen_by_its_first_such_trial(tmp_path):
    """ReLU, which no name of a folder holds, among them; trials in the order of their numbers."""
    kept = RESULTS / "synthetic/cnn-2/released+activation=exponential/trial-1"
    for place in ("cnn-25/released/trial-10", "cnn-25/released/trial-6", "cnn-2/released/trial-0"):
        (tmp_path / "synthetic" / place).mkdir(parents=True)
        for name in ("epochs.json", "epochs.pwm.npz") if "cnn-25" in place else ():
            (tmp_path / "synthetic" / place / name).write_bytes((kept / name).read_bytes())
    made = explorers.epochs(tmp_path)
    assert made.controls[0].words == ("CNN-25, ReLU",)
    assert made.data["runs"][0]["page"] == "../results/synthetic/cnn-25/released/trial-6/index.html"


@pytest.mark.parametrize("text", [b"", b"PK no archive", b"x"])
def test_a_damaged_file_of_kept_filters_is_named(text, tmp_path):
    (tmp_path / "epochs.pwm.npz").write_bytes(text)
    with pytest.raises(ReceptiveError, match=r"epochs\.pwm\.npz: expected PWMs over epochs"):
        read_pwms(tmp_path)
    np.savez(tmp_path / "epochs.pwm.npz", pwm=np.zeros((2, 4)))
    with pytest.raises(ReceptiveError, match=r"expected uint8 .*found float64 \(2, 4\)"):
        read_pwms(tmp_path)


@pytest.fixture(scope="module")
def architecture():
    return explorers.architecture(RESULTS)


def fields_of(data, filter, pool, stride, taps, dilation, pool_2=1, taps_3=0, dilation_3=1):
    """The fields of all layers as the page makes them: those of the first, and what each layer adds."""
    rows = [data["first"][filter]]
    windows = [("pool", pool, stride), ("conv", taps, dilation)]
    windows += [("pool", pool_2, pool_2)] * (pool_2 > 1) + [("conv", taps_3, dilation_3)] * (taps_3 > 0)
    for kind, *window in windows:
        size, jump, start, length, uncertainty = rows[-1]
        key = (kind, *((length, jump) if kind == "pool" else (jump,)), *window)
        more, before, *of_pools = data["steps"][" ".join(map(str, key))]
        jump, length, blurs = of_pools or (jump, length, 0)
        rows.append((size + more, jump, start + before, length, uncertainty + blurs))
    return rows


@given(
    filter=st.sampled_from(explorers.FILTER),
    pool=st.sampled_from(explorers.POOL),
    taps=st.sampled_from(explorers.TAPS),
    taps_3=st.sampled_from(explorers.TAPS_3),
    of=st.data(),
)
def test_an_architecture_is_as_the_library_says(architecture, filter, pool, taps, taps_3, of):
    stride = of.draw(st.sampled_from(explorers.strides(pool)))
    dilation = of.draw(st.sampled_from(explorers.DILATION if taps > 1 else (1,)))
    shape = (pool, stride, taps, dilation)
    neurons = receptive_fields(parse_layers(explorers.layers_of(filter, *shape)), 200).rows[-1].length
    pool_2 = of.draw(st.sampled_from([size for size in explorers.POOL_2 if size <= neurons]))
    dilation_3 = of.draw(st.sampled_from(explorers.DILATION if taps_3 > 1 else (1,)))
    whole = (filter, *shape, pool_2, taps_3, dilation_3)
    fields = receptive_fields(parse_layers(explorers.layers_of(*whole)), 200)
    rows = [(row.size, row.jump, row.start, row.length, row.uncertainty) for row in fields.rows]
    assert fields_of(architecture.data, *whole) == rows
    expected = prediction.predict(fields)[0]
    bits, fraction, low, high, near, *outside = architecture.data["expected"][" ".join(map(str, shape))]
    assert bits == f"{expected.bits:.3f}"
    assert [fraction, low, high] == [
        f"{share:.2f}" for share in (expected.curve, expected.low, expected.high)
    ]
    assert architecture.data["why"][outside[explorers.FILTER.index(filter)]] == expected.outside
    known = [layer for layer in prediction.outcomes().layers if layer.view.name == "conv1"]
    assert (known[near] if near >= 0 else None) == prediction.nearest(expected, known)


def test_what_a_page_looks_up_is_small():
    for explorer, most in ((explorers.fields(), 30_000), (explorers.toys(), 150_000)):
        assert len(json.dumps(explorer.data, separators=(",", ":"))) < most


def test_networks_to_choose_are_the_papers_and_ours(architecture):
    names, values = architecture.controls[0].words[1:], architecture.data["networks"]
    assert dict(zip(names, values, strict=True))["CNN-50-2"] == (19, 50, 2, 5, 1, 50)
    assert {"CNN-1", "CNN3-2", "CNN19-1-2", "CNN-pool1-conv5d9", "CNN-pool8s4"} <= set(names)
    for words, bits, mean, page, _ in architecture.data["trained"]:
        name = words.partition(":")[0]
        assert 0 <= mean <= 1
        assert bits <= architecture.data["most"]
        assert page == f"../results/synthetic/{name.lower()}/released/index.html"
