"""Read what runs have kept, into small files that pages and rules take: ``python tools/studies.py results``.

``replicate --keep`` leaves ``epochs.npz`` (the first layer over epochs) and ``model.keras`` (the weights) in
the folder of a run. Beside them this writes

- ``epochs.json``: loss, gradients and matches of the filters, epoch by epoch (`receptive.evidence.studies`);
- ``epochs.pwm.npz``: the filters as PWMs, uint8 (epochs, filters, positions, 4), 255 for a probability of 1;
- ``importance.json``: what the network loses when one filter after another is held at its mean;
- with --truth, and nothing else then, ``truth.json``: which of the planted motifs filters and attributions
  find (extra modisco).

What is there is not made again. Some seconds an epoch, and some minutes a network for each of the others.
With --out the files go to the same places in another store.
"""

import argparse
from functools import cache
from pathlib import Path

import numpy as np
import snapshots
import truth

from receptive.audits import attribution, importance
from receptive.evidence import measured
from receptive.evidence.studies import EPOCHS, IMPORTANCE, PWMS, TRUTH, Epochs, Importance, Truth
from receptive.files import to_json, write_text
from receptive.models import model
from receptive.models.probe import Probe
from receptive.motifs import tomtom
from receptive.motifs.jaspar import database, embedded_motifs, relevant_ids
from receptive.motifs.motif import information_content
from receptive.networks import filters
from receptive.protocols import RELEASED
from receptive.replication import runs
from receptive.replication.runs import Run
from receptive.tasks import registry
from receptive.tasks.dataset import Dataset

DIGITS = 6
MUTATED = 250
"""Test sequences that are mutated, the first."""


@cache
def data_of(task: str) -> Dataset:
    """The data of a task, drawn as its runs have them."""
    return registry.load(None, task, RELEASED)


def rounded(values: np.ndarray) -> list:
    """As JSON keeps it, with six digits that count."""
    return [rounded(value) for value in values] if np.ndim(values) else float(f"{values:.{DIGITS}g}")


def over_epochs(folder: Path, run: Run) -> tuple[Epochs, np.ndarray]:
    """Read the first layer at each of its epochs, and what the finished network's filters match."""
    protocol, relevant = run.plan.protocol, relevant_ids(run.plan.classes)
    with np.load(folder / "epochs.npz") as opened:
        kept = dict(opened)
    bits, factor, matches, pwms = [], [], [], []
    for place in range(len(kept["epoch"])):
        motifs = snapshots.read(kept, place, data_of(run.plan.task).test.X, protocol)
        trimmed = filters.trim_all(motifs, protocol)
        matches_ = tomtom.match(trimmed, database())
        bits.append([0.0 if motif.dead else information_content(motif.pwm).sum() for motif in trimmed])
        factor.append(tomtom.best_factors(matches_, relevant))
        matches.append([bool(match.hits) for match in matches_])
        pwms.append([motif.pwm for motif in motifs])
    _, final = runs.stored_matches(folder)
    return Epochs(
        epoch=kept["epoch"].tolist(),
        loss=rounded(kept["loss"]),
        gradient=rounded(kept["gradient"]),
        bits=rounded(np.array(bits)),
        factor=factor,
        matches=matches,
        final=tomtom.best_factors(final, relevant),
    ), np.rint(255 * np.array(pwms)).astype(np.uint8)


def what_matters(folder: Path, run: Run) -> Importance:
    """Hold each filter of the first layer at its mean, over the whole test set."""
    data = data_of(run.plan.task)
    network = model.live(model.load(folder / "model.keras"), data.length)
    place, _, axis = network.activation("conv1")
    probe = Probe(network, place, data.test.X, axis)
    measured = importance.measure(probe, probe.levels(), data.test.Y)
    _, matches = runs.stored_matches(folder)
    return Importance(
        loss=rounded(measured.loss),
        auroc=rounded(measured.auroc),
        loss_change=rounded(measured.loss_change),
        auroc_change=rounded(measured.auroc_change),
        by_class=rounded(measured.class_change),
        factor=tomtom.best_factors(matches, relevant_ids(run.plan.classes)),
        matches=[bool(match.hits) for match in matches],
        classes=run.plan.classes,
    )


def what_is_found(folder: Path, run: Run) -> Truth:
    """Ask how much of the truth the filters of the first layer find, and attributions."""
    test, relevant = data_of(run.plan.task).test, relevant_ids(run.plan.classes)
    X, Y = test.X[:MUTATED], test.Y[:MUTATED]
    network = model.live(model.load(folder / "model.keras"), X.shape[1])
    place, _, axis = network.activation("conv1")
    acting = attribution.effects(lambda X, _: Probe(network, place, X, axis).scores(), X, Y)
    sites = truth.mark_planted(
        {name: array[:MUTATED] for name, array in test.truth.items()}, X.shape[1], embedded_motifs()
    )
    aupr, chance = truth.localisation(acting, X, sites)
    motifs = attribution.attribute(acting, X, run.plan.classes, database(), relevant)
    raising = [match for match, sign in zip(motifs.matches, motifs.signs, strict=True) if sign > 0]
    filters_found = truth.recover(runs.stored_matches(folder)[1], relevant)
    motifs_found = truth.recover(raising, relevant)
    return Truth(
        filters=filters_found.motifs,
        filter_factors=filters_found.factors,
        filter_spurious=filters_found.spurious,
        sequences=len(X),
        motifs=motifs_found.motifs,
        motif_factors=motifs_found.factors,
        motif_spurious=motifs_found.spurious,
        lowering=int((motifs.signs < 0).sum()),
        aupr=rounded(aupr),
        chance=rounded(chance),
    )


def main() -> None:
    """Go through a store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("store", type=Path, help="folder of runs")
    parser.add_argument("--only", help="only runs whose folder has this in its name")
    parser.add_argument("--truth", action="store_true", help="compare with the truth of the synthetic task")
    parser.add_argument("--out", type=Path, help="another store to write to")
    chosen = parser.parse_args()
    for folder in measured.folders(chosen.store):
        if chosen.only and chosen.only not in str(folder):
            continue
        out = chosen.out / folder.relative_to(chosen.store) if chosen.out else folder
        if chosen.truth:
            known = (folder / "model.keras").exists() and folder.relative_to(chosen.store).parts[
                0
            ] == "synthetic"
            if known and not (out / TRUTH).exists():
                print(out / TRUTH, flush=True)
                write_text(out / TRUTH, to_json(vars(what_is_found(folder, runs.load(folder)))))
            continue
        if (folder / "epochs.npz").exists() and not (out / EPOCHS).exists():
            print(out / EPOCHS, flush=True)
            epochs, pwms = over_epochs(folder, runs.load(folder))
            np.savez_compressed(out / PWMS, pwm=pwms)
            write_text(out / EPOCHS, to_json(vars(epochs)))
        if (folder / "model.keras").exists() and not (out / IMPORTANCE).exists():
            print(out / IMPORTANCE, flush=True)
            write_text(out / IMPORTANCE, to_json(vars(what_matters(folder, runs.load(folder)))))


if __name__ == "__main__":
    main()
