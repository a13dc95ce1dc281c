"""Draw the pictures of the README and the how-tos, from the committed runs: ``python docs/picture.py``."""

from pathlib import Path

from receptive.figures.canvas import save
from receptive.figures.logos import logo_sheet
from receptive.figures.toy import figure_1, information_against_pool
from receptive.motifs.jaspar import relevant_ids
from receptive.motifs.tomtom import best_factors
from receptive.replication import runs

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "_static"
ROWS = 8

HEADS = {"cnn-2": "CNN-2: pools of 2, then 50", "cnn-25": "CNN-25: pools of 25, then 4"}

motifs, labels = [], []
for name in HEADS:
    stored, matches = runs.stored_matches(ROOT / "results" / "synthetic" / name / "released" / "trial-0")
    motifs += stored[:ROWS]
    labels += best_factors(matches, relevant_ids())[:ROWS]
sheet = logo_sheet(motifs, labels, " ", columns=2)
sheet.set_size_inches(5.6, 4.6)  # narrow, so that its letters can be read on a phone
for axes, head in zip(sheet.axes[:2], HEADS.values(), strict=True):
    axes.set_title(head, fontsize=10, fontweight="bold", pad=12)
save(sheet, PICTURES / "filters.png")
for pool in (3, 20):
    save(figure_1(pool), PICTURES / f"toy-{pool}.svg")
save(information_against_pool(range(1, 31)), PICTURES / "information.svg")
