"""Measure a training step beside the same network in PyTorch, and beside its matrix products alone.

Processor time of this process on one thread, for mini-batches of 100 of the synthetic task, in turns. Ours is
``model.fit`` as trainings do it; PyTorch's is a plain loop over batches at hand, not compiled. The products
are those that no way of training can do without: of every convolution (as rows of its windows) and dense
layer, forward, and backward to its weights and to its input, where there is a layer below. Needs
``receptive[tensorflow]`` and torch.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import step
import torch

from receptive.networks import backend
from receptive.networks import variants as networks
from receptive.protocols import RELEASED
from receptive.tasks import synthetic

BATCH, LENGTH, CLASSES = 100, 200, 12


def in_torch(variant: networks.Variant) -> torch.nn.Sequential:
    """Return the network in PyTorch: the same layers, initial values aside."""
    nn, filters = torch.nn, iter(variant.filters)
    drop, later, last = RELEASED.dropout
    maps, made = networks.shapes(variant, LENGTH), list[torch.nn.Module]()
    for here, below, above in zip(variant.layers, maps, (*variant.layers[1:], None), strict=False):
        if here.kind == "conv":
            count = next(filters)
            made.append(nn.Conv1d(below.channels, count, here.size, padding="same", bias=False))
            made += [nn.BatchNorm1d(count), nn.ReLU()]
        elif here.size > 1:
            made.append(nn.MaxPool1d(here.size, here.stride))
        if above is None or above.kind == "conv":
            made.append(nn.Dropout(drop))
            drop = later
    inputs, units = maps[-1].positions * maps[-1].channels, variant.units
    made += [nn.Flatten(), nn.Linear(inputs, units, bias=False), nn.BatchNorm1d(units), nn.ReLU()]
    made += [nn.Dropout(last), nn.Linear(units, CLASSES)]
    return nn.Sequential(*made)


def steps_in_torch(variant: networks.Variant, X: Any, Y: Any) -> Callable[[], None]:
    """Return a job of as many steps as there are batches."""
    model = in_torch(variant)
    expected = networks.parameters(variant, LENGTH, CLASSES)
    assert sum(parameter.numel() for parameter in model.parameters()) == expected, "not the same network"
    optimizer = torch.optim.Adam(model.parameters(), lr=RELEASED.learning_rate)
    loss = torch.nn.BCEWithLogitsLoss()
    batches = [
        (torch.from_numpy(x.transpose(0, 2, 1).copy()), torch.from_numpy(y))
        for x, y in zip(np.split(X, len(X) // BATCH), np.split(Y, len(Y) // BATCH), strict=True)
    ]

    def job() -> None:
        for x, y in batches:
            optimizer.zero_grad(set_to_none=True)
            loss(model(x), y).backward()
            optimizer.step()

    return job


def products(variant: networks.Variant) -> Iterator[tuple[int, int, int, bool]]:
    """Yield rows, depth and columns of every product of a step forward, and whether a layer is below."""
    maps = networks.shapes(variant, LENGTH)
    for layer, below, here in zip(variant.layers, maps, maps[1:], strict=False):
        if layer.kind == "conv":
            yield BATCH * here.positions, layer.size * below.channels, here.channels, below.channels != 4
    yield BATCH, maps[-1].positions * maps[-1].channels, variant.units, True
    yield BATCH, variant.units, CLASSES, True


def products_alone(variant: networks.Variant) -> Callable[[], None]:
    """Return a job of the products of ``step.STEPS`` steps, and of their backward ones."""
    rng = np.random.default_rng(0)
    matrices = [
        (*(rng.random(shape, dtype=np.float32) for shape in ((n, k), (k, m), (n, m))), inner)
        for n, k, m, inner in products(variant)
    ]

    def job() -> None:
        for _ in range(step.STEPS):
            for rows, weights, back, inner in matrices:
                rows @ weights
                rows.T @ back
                if inner:
                    back @ weights.T

    return job


def milliseconds(job: Callable[[], Any]) -> float:
    """Processor time of a step of a job."""
    began = time.process_time()
    job()
    return (time.process_time() - began) / step.STEPS * 1e3


def main() -> None:
    """Time every network in turns and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=["cnn-1", "cnn-2", "cnn-4", "cnn-25", "cnn-100"])
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    backend.configure(threads=1)
    torch.set_num_threads(1)
    data = synthetic.generate(0, sequences=10_000).train
    X, Y = (part[: BATCH * step.STEPS].astype(np.float32) for part in (data.X, data.Y))
    print(f"ms of a step; ratios: median of {given.turns} turns of {step.STEPS} steps (lowest to highest)")
    head = f"{'':8} {'ours':>8} {'torch':>8} {'products':>8}"
    print(f"{head} {'ours / torch':>22} {'ours / products':>22}")
    for name in given.networks:
        variant = networks.variant(name, RELEASED)
        arguments = backend.fit_arguments((X, Y), (X, Y), BATCH, 0)
        del arguments["validation_data"]
        model = networks.build(variant, LENGTH, CLASSES, RELEASED)
        jobs = {
            "ours": lambda model=model, a=arguments: model.fit(**a, epochs=1, verbose=0),
            "torch": steps_in_torch(variant, X, Y),
            "products": products_alone(variant),
        }
        for job in jobs.values():
            job()
        turns = [{what: milliseconds(job) for what, job in jobs.items()} for _ in range(given.turns)]
        medians = [statistics.median(turn[what] for turn in turns) for what in jobs]
        ratios = [sorted(turn["ours"] / turn[other] for turn in turns) for other in ("torch", "products")]
        shown = [f"{statistics.median(r):5.2f} ({r[0]:.2f} to {r[-1]:.2f})" for r in ratios]
        times = " ".join(f"{median:8.1f}" for median in medians)
        print(f"{name:8} {times} {shown[0]:>22} {shown[1]:>22}", flush=True)


if __name__ == "__main__":
    main()
