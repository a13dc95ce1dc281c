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

motifs, labels = [], []
for name in ("cnn-2", "cnn-25"):
    stored, matches = runs.stored_matches(ROOT / "results" / "synthetic" / name / "released" / "trial-0")
    motifs += stored[:ROWS]
    labels += best_factors(matches, relevant_ids())[:ROWS]
title = "Filters 0 to 7 of CNN-2 (left) and CNN-25 (right), trial 0; names where a true motif matches"
sheet = logo_sheet(motifs, labels, title, columns=2)
sheet.set_size_inches(9, 5.2)
save(sheet, PICTURES / "filters.png")
for pool in (3, 20):
    save(figure_1(pool), PICTURES / f"toy-{pool}.svg")
save(information_against_pool(range(1, 31)), PICTURES / "information.svg")
