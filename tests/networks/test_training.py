from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from receptive.audits import inputs
from receptive.audits.audit import audit
from receptive.errors import ReceptiveError
from receptive.models.model import load
from receptive.motifs.meme import read_meme
from receptive.networks import backend
from receptive.networks import variants as networks
from receptive.networks.training import metrics, predict, train
from receptive.networks.variants import VARIANTS, variant
from receptive.protocols import PROTOCOLS, RELEASED, protocol
from receptive.replication import runs

LONG_STEPS = protocol("released", learning_rate=0.1)

SMALL = replace(variant("cnn-100"), filters=(3, 6), units=8)
"""A network that trains in no time; its layers are the paper's."""

labels_and_scores = st.integers(1, 30).flatmap(
    lambda rows: st.tuples(
        arrays.arrays(np.int8, (rows, 2), elements=st.integers(-1, 1)),
        arrays.arrays(np.float32, (rows, 2), elements=st.sampled_from([0, 0.25, 0.5, 0.75, 1])),
    )
)


@given(labels_and_scores)
def test_auroc_is_the_chance_to_rank_a_pair_right(drawn):
    Y, scores = drawn
    scores_ = metrics(Y, scores)
    expected = []
    for labels, p in zip(Y.T, scores.T, strict=True):
        pairs = [(a > b) + 0.5 * (a == b) for a in p[labels == 1] for b in p[labels == 0]]
        expected.append(np.mean(pairs) if pairs else None)
    assert scores_["auroc"] == [pytest.approx(e) if e is not None else None for e in expected]
    known = [e for e in expected if e is not None]
    assert scores_["auroc_mean"] == (pytest.approx(np.mean(known)) if known else None)


@given(labels_and_scores)
def test_aupr_joins_the_points_of_the_precision_recall_curve(drawn):
    Y, scores = drawn
    for labels, p, aupr in zip(Y.T, scores.T, metrics(Y, scores)["aupr"], strict=True):
        labels, p = labels[labels >= 0], p[labels >= 0]
        if len(set(labels)) < 2:
            assert aupr is None
            continue
        points = [(0.0, 1.0)]
        for threshold in sorted(set(p), reverse=True):
            called = p >= threshold
            points.append((labels[called].sum() / labels.sum(), labels[called].mean()))
        area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))
        assert aupr == pytest.approx(area)


@pytest.fixture(scope="module")
def trained(small):
    """Steps so long that the validation loss rises again."""
    return train(SMALL, small, LONG_STEPS, seed=1, epochs=5)


@pytest.mark.claim("TRAIN-1")
def test_the_weights_are_those_of_the_lowest_validation_loss(small, trained):
    assert trained.best_epoch == 1 + np.argmin(trained.history["val_loss"]) < 5
    Y, P = small.valid.Y, predict(trained.model, small.valid.X).astype(float)
    loss = -np.where(Y == 1, np.log(P), np.log1p(-P)).mean()
    assert loss == pytest.approx(min(trained.history["val_loss"]), rel=1e-4)


def test_one_seed_gives_one_network_however_many_steps_are_taken_together(small, trained, monkeypatch):
    """Also with a last batch that is smaller, and fewer batches than are taken at once."""
    monkeypatch.setattr(networks, "STEPS", 1)
    same = train(SMALL, small, LONG_STEPS, seed=1, epochs=5)
    assert same.history == trained.history
    for a, b in zip(same.model.get_weights(), trained.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(small.train.X) % RELEASED.batch_size


def test_another_seed_gives_another_network(eagerly, small, trained):
    (loss,) = train(SMALL, small, LONG_STEPS, seed=2, epochs=1).history["loss"]
    assert loss != pytest.approx(trained.history["loss"][0], rel=1e-3)  # more than what compiling changes


@pytest.mark.claim("D-11")
def test_patience_ends_training(eagerly, small):
    impatient = protocol("released", patience=1, learning_rate=0.3)
    history = train(SMALL, small, impatient, seed=0, epochs=30).history["val_loss"]
    worse = [epoch for epoch in range(1, len(history)) if history[epoch] >= min(history[:epoch])]
    assert worse[0] == len(history) - 1 < 29


@pytest.mark.claim("TRAIN-1", "D-16")
@pytest.mark.parametrize("task", ["synthetic", "invivo"])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_batch_size_is_the_protocols(small, monkeypatch, name, task):
    import keras

    given = {}

    class Enough(Exception):
        pass

    def fit(self, *arguments, **options):
        given.update(options)
        raise Enough

    monkeypatch.setattr(keras.Model, "fit", fit)
    with pytest.raises(Enough):
        train(VARIANTS["cnn-100"], replace(small, task=task), PROTOCOLS[name], 0, 7)
    in_vivo = {"released": 32, "paper": 100}[name]
    first, _ = next(iter(given["x"]))
    assert (len(first), given["epochs"]) == (100 if task == "synthetic" else in_vivo, 7)


@settings(max_examples=settings.default.max_examples // 3)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 50), st.integers(0, 99))
def test_every_epoch_takes_every_example_once_in_an_order_of_its_seed(n, held_out, batch_size, seed):
    train = np.arange(4 * n, dtype=np.uint8).reshape(n, 1, 4), np.arange(n, dtype=np.int8)[:, None]
    valid = train[0][:held_out], train[1][:held_out]

    def epochs(examples):
        return [[(x.numpy(), y.numpy()) for x, y in examples] for _ in range(2)]

    arguments, again = (backend.fit_arguments(train, valid, batch_size, seed) for _ in range(2))
    (first, two), (_, same) = epochs(arguments["x"]), epochs(again["x"])
    for batches in (first, two, same):
        assert [len(x) for x, _ in batches[:-1]] == [batch_size] * (len(batches) - 1)
        for x, y in batches:
            assert x.dtype == y.dtype == np.float32
            np.testing.assert_array_equal(x[:, 0, 0], 4 * y[:, 0])
    orders = [np.concatenate([y for _, y in batches])[:, 0] for batches in (first, two, same)]
    assert all(sorted(order) == list(range(n)) for order in orders)
    np.testing.assert_array_equal(orders[1], orders[2])
    assert n < 9 or list(orders[0]) != list(orders[1])
    x, y = (np.concatenate(parts) for parts in zip(*epochs(arguments["validation_data"])[1], strict=True))
    np.testing.assert_array_equal(x, valid[0])
    np.testing.assert_array_equal(y, valid[1])


def test_tensorflow_is_not_compiled_with_xla(trained):
    import keras

    assert keras.backend.backend() != "tensorflow" or trained.model.jit_compile is False


def test_threads_are_set_if_they_are_given(monkeypatch):
    """TensorFlow takes the numbers once in a process."""
    import tensorflow as tf

    given = {}
    for kind in ("intra", "inter"):
        name = f"set_{kind}_op_parallelism_threads"
        monkeypatch.setattr(tf.config.threading, name, lambda n, kind=kind: given.update({kind: n}))
    backend.configure()
    assert given == {}
    backend.configure(threads=3)
    assert given == {"intra": 3, "inter": 3}


def test_progress_is_told_after_every_epoch(eagerly, small):
    told = []
    train(SMALL, small, RELEASED, 0, 2, lambda epoch, losses: told.append((epoch, set(losses))))
    assert told == [(1, {"loss", "val_loss"}), (2, {"loss", "val_loss"})]


def test_predictions_do_not_depend_on_the_batch(small, trained):
    whole, parts = (predict(trained.model, small.test.X, batch) for batch in (500, 7))
    np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-6)


def test_a_diverged_training_is_an_error(eagerly, small):
    hopeless = protocol("released", learning_rate=1e30)
    with pytest.raises(ReceptiveError, match=r"cnn-100: the loss became NaN or infinite in epoch \d.*1e\+30"):
        train(SMALL, small, hopeless, 0, 5)


@pytest.mark.jax
def test_the_same_program_trains_reads_and_audits_on_jax(small, tmp_path):
    """Of a backend, too, a run says which it was; ``tox -e jax`` has no TensorFlow."""
    assert find_spec("tensorflow") is None
    backend.configure()
    plan = runs.plan_run(SMALL, small, RELEASED, 0, 2)
    whole = runs.run(plan, small, tmp_path, keep=True)
    assert (whole.backend, whole.device, len(whole.loss)) == ("jax", "CPU", 2)
    motifs = read_meme(plan.folder(tmp_path) / "conv1.meme")
    assert len(motifs) == 3
    model = load(plan.folder(tmp_path) / "model.keras")
    audited = audit(model, inputs.Sequences(small.test.X, small.test.Y, small.classes))
    assert len(audited.matches) == 3
    assert audited.importance.auroc == pytest.approx(whole.auroc_mean, abs=1e-6)
