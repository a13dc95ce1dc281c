"""How often a PWM of few sites matches JASPAR by chance, measured on stored filters.

    python few_sites.py RESULTS

A filter's PWM of thousands of sites is taken for the truth. Sites are drawn from it, position by position,
and the PWM of these sites is trimmed and compared as an audit does it. Of filters that in truth match nothing
any that match do so by chance; of those that match, any that do not are lost.
"""

import sys
from pathlib import Path

import numpy as np

from receptive.motifs import tomtom
from receptive.motifs.jaspar import jaspar_2016
from receptive.motifs.meme import read_meme
from receptive.motifs.motif import Motif, trim

NETWORKS = ("synthetic/cnn-1", "synthetic/cnn-2", "synthetic/cnn-4", "synthetic/cnn-10", "chipseq/cnn-2")
SITES = (2, 5, 10, 20, 30, 50, 100, 200)


def matched(pwms):
    """Whether each PWM matches a motif of JASPAR 2016, E ≤ 0.1."""
    motifs = [Motif(f"filter{index}", "", trim(pwm), len(trim(pwm))) for index, pwm in enumerate(pwms)]
    return np.array([bool(match.hits) for match in tomtom.match(motifs, jaspar_2016())])


def filters(results, networks=NETWORKS):
    """The PWMs of first layers, trial 0: those that match nothing, and those that match."""
    paths = [Path(results) / network / "released/trial-0/conv1.untrimmed.meme" for network in networks]
    pwms = [motif.pwm for path in paths for motif in read_meme(path) if not motif.dead]
    shares = matched(pwms)
    return tuple(
        [pwm for pwm, hit in zip(pwms, shares, strict=True) if hit == side] for side in (False, True)
    )


def share(pwms, sites, seed=0):
    """The share of PWMs that match when made of so many sites, drawn from themselves."""
    rng = np.random.default_rng(seed)
    drawn = [np.stack([rng.multinomial(sites, row / row.sum()) / sites for row in pwm]) for pwm in pwms]
    return matched(drawn).mean()


def main(results):
    nothing, something = filters(results)
    print(f"sites  of {len(nothing)} that match nothing  of {len(something)} that match")
    for sites in SITES:
        print(f"{sites:5}  {share(nothing, sites):24.2f}  {share(something, sites):16.2f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
