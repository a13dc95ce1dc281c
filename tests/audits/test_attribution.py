"""What a network uses: mutagenesis against its definition, and the way from there to motifs on the page."""

import html
import json
import re
import sys

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from keras import layers

from receptive.audits import attribution, record
from receptive.audits import page as audits
from receptive.audits.attribution import choose_outputs, enough, logits, mutagenesis, mutants
from receptive.audits.audit import audit
from receptive.audits.inputs import Sequences
from receptive.errors import ReceptiveError, UsageError
from receptive.motifs.jaspar import embedded_motifs


def one_hot(codes):
    """Letters 0 to 3, and 4 for an unknown one."""
    return np.eye(5, 4, dtype=np.uint8)[codes]


SEQUENCES = st.integers(1, 7).flatmap(
    lambda length: arrays.arrays(np.int64, (2, length), elements=st.sampled_from([0, 1, 2, 3, 4]))
)


def curved(weights):
    """A network in which letters act on one another: two outputs of products of sums."""

    def run(X, rows=None):
        sums = np.einsum("nlb,lbk->nk", X.astype(float), weights)
        return np.stack([sums[:, 0] * sums[:, 1], np.tanh(sums[:, 2])], axis=1).astype(np.float32)

    return run


@given(SEQUENCES, st.integers(0, 99))
def test_mutagenesis_is_one_letter_put_in_at_a_time(codes, seed):
    X = one_hot(codes)
    run = curved(np.random.default_rng(seed).normal(size=(X.shape[1], 4, 3)))
    for sequence, effects in zip(X, mutagenesis(run, X), strict=True):
        assert effects.shape == (*sequence.shape, 2)
        for position, letter in enumerate(sequence):
            if not letter.any():
                assert (effects[position] == 0).all()
                continue
            scores = []
            for base in range(4):
                changed = sequence.copy()
                changed[position] = np.eye(4)[base]
                scores.append(run(changed[None])[0])
            np.testing.assert_allclose(effects[position], scores - np.mean(scores, axis=0), atol=1e-5)


@given(SEQUENCES)
def test_mutants_are_all_that_differ_in_one_letter(codes):
    for sequence in one_hot(np.minimum(codes, 3)):
        changed, position, letter = mutants(sequence)
        words = {tuple(word) for word in changed.argmax(2).tolist()}
        assert len(words) == len(changed) == 3 * len(sequence) + 1
        assert (changed.sum(2) == 1).all()
        assert ((changed[1:] != sequence).any(2).sum(1) == 1).all()
        assert (changed[np.arange(1, len(changed)), position, letter] == 1).all()


@given(SEQUENCES, st.integers(0, 99))
def test_of_a_sum_of_letters_the_effects_are_its_weights(codes, seed):
    X = one_hot(np.minimum(codes, 3))
    weights = np.random.default_rng(seed).normal(size=(X.shape[1], 4, 2)).astype(np.float32)
    for mutagenesi in mutagenesis(lambda X, _: np.einsum("nlb,lbk->nk", X, weights), X):
        np.testing.assert_allclose(mutagenesi, weights - weights.mean(1, keepdims=True), atol=1e-5)


def test_what_is_looked_at():
    outputs = np.array([[0.9, 0.2], [0.8, 0.5]], np.float32)
    assert choose_outputs(np.array([[0, 1], [1, 1]], np.int8), outputs).tolist() == [
        [False, True],
        [True, True],
    ]
    assert choose_outputs(np.array([[-1, 0], [0, 0]], np.int8), outputs).tolist() == [[False, False]] * 2
    assert choose_outputs(None, outputs).tolist() == [
        [True, False],
        [False, True],
    ]  # compared with the other sequence
    assert choose_outputs(np.ones((2, 3), np.int8), outputs[:, :1]).tolist() == [[True], [True]]
    np.testing.assert_allclose(1 / (1 + np.exp(-logits(outputs))), outputs, rtol=1e-6)
    assert np.isfinite(logits(np.array([0, 1], np.float32))).all()
    assert [enough(positions) for positions in (200, 600, 5000)] == [2500, 277, 200]


# --- from there to motifs ------------------------------------------------------------------------------


LENGTH = 60


def planted(count=60, seed=0):
    """Sequences of which the first half holds a CTCF-like word, with the network that looks for it."""
    rng = np.random.default_rng(seed)
    X = np.eye(4, dtype=np.uint8)[rng.integers(4, size=(count, LENGTH))]
    Y = (np.arange(count) < count // 2).astype(np.int8)[:, None]
    return Sequences(X, Y, ("bound",))


def network(outputs=1):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((LENGTH, 4))
    x = layers.Conv1D(4, 7, padding="same", activation="relu", name="conv")(inputs)
    return keras.Model(inputs, layers.Dense(outputs, activation="sigmoid")(layers.GlobalMaxPooling1D()(x)))


def pattern(motif, rows, sign=1):
    """What TF-MoDISco would find: the motif within noise."""
    flat = np.full((5, 4), 0.25)
    return attribution.Pattern(sign, np.concatenate([flat, motif.pwm, flat]), np.array(rows))


@pytest.fixture
def grouped(monkeypatch):
    """TF-MoDISco replaced by what it is given and three patterns; it runs itself in test_it_finds_a_word."""
    given = {}

    def recurring(X, effects):
        given.update(X=X, effects=effects)
        first, second, *_ = embedded_motifs()
        return [pattern(first, [0, 1, 2]), pattern(second, [1]), pattern(first, [0, 0], sign=-1)]

    monkeypatch.setattr(attribution, "find_patterns", recurring)
    monkeypatch.setattr(attribution, "need", lambda *_: None)
    return given


def test_effects_are_those_of_the_model_for_the_classes_of_each_sequence(grouped):
    model, data = network(2), planted()
    Y = np.concatenate([data.Y, 1 - data.Y], axis=1)
    Y[0] = 1
    attributions = audit(
        model, Sequences(data.X, Y, ("a", "b")), targets=embedded_motifs(), attributions=60
    ).attributions
    rows, columns = np.nonzero(Y)
    assert (attributions.sequences, attributions.pairs, attributions.classes) == (60, 61, ("a", "b"))
    np.testing.assert_array_equal(grouped["X"], data.X[rows])

    def run(X, rows=None):
        return logits(np.asarray(model(X.astype(np.float32))))

    for i in (0, 1, 40):
        (expected,) = mutagenesis(run, data.X[[rows[i]]])
        np.testing.assert_allclose(grouped["effects"][i], expected[..., columns[i]], atol=1e-4)
    assert attributions.sites.tolist() == [3, 1, 2]
    assert attributions.signs.tolist() == [1, 1, -1]
    assert attributions.by_class[0].tolist() == np.bincount(columns[[0, 1, 2]], minlength=2).tolist()
    assert attributions.by_class.sum(1).tolist() == attributions.sites.tolist()


def test_motifs_stand_on_the_page_and_in_json(grouped):
    data = planted()
    audited = audit(network(), data, targets=embedded_motifs(), attributions=20)
    shown = record.document(audited)["attributions"]
    assert shown["sequences"] == 20
    assert shown["scale"] == "the logit of the output"
    assert [entry["best"]["name"] for entry in shown["motifs"]] == ["Arid3a", "CEBPB", "Arid3a"]
    assert [entry["sign"] for entry in shown["motifs"]] == [1, 1, -1]
    assert shown["fractions"]["jaspar"] == 1
    assert all(len(entry["pwm"]) < 30 for entry in shown["motifs"])  # trimmed
    page = html.unescape(audits.render(audited))
    assert page.count("Sequence logo of motif") == 3
    assert "raises the output at 3 sites: bound 3" in page
    assert "lowers the output at 2 sites: bound 2" in page
    assert "None of" not in page
    without = audit(network(), data, targets=embedded_motifs())
    assert record.document(without)["attributions"] is None
    assert "motifs that the network uses" not in audits.render(without)


def test_only_labelled_sequences_are_mutated_and_without_labels_all_are(grouped):
    data = planted()
    part = audit(network(), data, targets=embedded_motifs(), attributions=1000).attributions
    assert (part.sequences, part.pairs) == (30, 30)
    every = audit(network(), data.X, targets=embedded_motifs(), attributions=1000).attributions
    assert (every.sequences, every.classes) == (60, ("0",))
    nothing = Sequences(data.X, np.zeros_like(data.Y), data.classes)
    with pytest.raises(ReceptiveError, match="no sequence with a label of 1"):
        audit(network(), nothing, targets=embedded_motifs(), attributions=10)


def test_outputs_for_each_position_are_averaged(grouped):
    inputs = keras.Input((LENGTH, 4))
    x = layers.Conv1D(4, 7, padding="same", activation="relu", name="conv")(inputs)
    model = keras.Model(inputs, layers.Conv1D(2, 1)(x))
    audited = audit(model, planted().X, targets=embedded_motifs(), attributions=5)
    assert (audited.attributions.classes, audited.attributions.scale) == (("0", "1"), "the output")


def test_the_extra_is_asked_for_before_any_work(monkeypatch, tmp_path, command):
    monkeypatch.setitem(sys.modules, "modiscolite", None)
    (tmp_path / "x.fa").write_text(f">a\n{'ACGT' * 20}\n")
    options = ["--data", tmp_path / "x.fa", "--out", tmp_path / "a", "--attributions"]
    code, printed, said = command("audit", tmp_path / "none.keras", *options)
    assert (code, printed) == (2, "")
    assert '--attributions: needs modisco-lite, not installed: pip install "receptive[modisco]"' in said
    assert not (tmp_path / "a").exists()


def test_the_command_counts_what_it_mutates(grouped, tmp_path, command):
    network().save(tmp_path / "model.keras")
    words = ["".join("ACGT"[b] for b in row.argmax(1)) for row in planted().X]
    (tmp_path / "x.fa").write_text("".join(f">{i}\n{word}\n" for i, word in enumerate(words)))
    options = ["--data", tmp_path / "x.fa", "--out", tmp_path / "a", "--attributions"]
    code, printed, said = command("audit", tmp_path / "model.keras", *options, "--sequences", 7, "--json")
    assert code == 0, said
    assert json.loads(printed)["attributions"]["sequences"] == 7
    code, printed, said = command("audit", tmp_path / "model.keras", *options)
    assert "mutated 60 sequences (the logit of the output); motifs that recur:" in printed
    assert re.search(r"motif1 +raises +1 +0 1 +MA0466.2 +CEBPB", printed)
    assert "mutating letters" in said


def test_where_no_letter_matters_nothing_recurs():
    assert attribution.find_patterns(np.zeros((3, 60, 4), np.uint8), np.zeros((3, 60, 4), np.float32)) == []


def test_short_sequences_are_refused(grouped):
    with pytest.raises(UsageError, match="TF-MoDISco needs sequences of 50 positions or more, found 49"):
        audit(network(), planted().X[:, :49], attributions=5)


def test_what_tf_modisco_says_when_it_fails_is_said(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ReceptiveError, match="TF-MoDISco fails: it exits with 1"):
        attribution.find_patterns(np.zeros((1, 60, 4), np.uint8), np.ones((1, 60, 4), np.float32))


# --- where filters are parts ---------------------------------------------------------------------------


def stacked(*more):
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((LENGTH, 4))
    x = layers.Conv1D(4, 5, padding="same", activation="relu", name="first")(x)
    for layer in more:
        x = layer(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.GlobalMaxPooling1D()(x)))


def conv(name, **options):
    return layers.Conv1D(3, 5, padding="same", activation="relu", name=name, **options)


@pytest.mark.parametrize(
    ("more", "read"),
    [
        ([conv("second"), conv("third")], True),
        ([layers.MaxPooling1D(2), conv("second")], False),
        ([], False),
    ],
)
def test_a_deeper_layer_is_read_where_the_first_holds_parts(more, read):
    model, data = stacked(*more), planted()
    audited = audit(model, data, targets=embedded_motifs()[:1])  # almost nothing matches
    assert audited.fractions.jaspar < 1 / 3
    assert "first is distributed" in audited.distributed
    assert "--attributions finds" in audited.distributed
    page = html.unescape(audits.render(audited))
    assert audited.distributed in page
    shown = record.document(audited)
    assert (audited.deeper is not None) == (shown["deeper"] is not None) == read
    assert ("A later convolution" in page) == read
    if read:
        assert audited.deeper.layer in ("second", "third")
        alone = audit(model, data, layer=audited.deeper.layer, targets=embedded_motifs()[:1])
        assert (alone.distributed, alone.deeper) == ("", None)  # it was asked for
        assert shown["deeper"]["filters"][0]["sites"] == alone.reading.sites[0]
        np.testing.assert_array_equal(audited.deeper.reading.motifs[0].pwm, alone.reading.motifs[0].pwm)
        assert shown["deeper"]["fractions"] == alone.fractions._asdict()


def test_branches_beside_the_first_layer_are_no_deeper_ones():
    inputs = keras.Input((LENGTH, 4))
    first, two = (conv(name)(inputs) for name in ("first", "beside"))
    x = layers.GlobalMaxPooling1D()(layers.Concatenate()([first, two]))
    audited = audit(keras.Model(inputs, layers.Dense(1)(x)), planted(), targets=embedded_motifs()[:1])
    assert audited.distributed
    assert audited.deeper is None
