"""Draw the README's picture from the committed runs: ``python docs/picture.py``."""

from pathlib import Path

from receptive import runs
from receptive.figures.logos import logo_sheet, match_labels

ROOT = Path(__file__).parent.parent
ROWS = 8

motifs, labels = [], []
for name in ("cnn-2", "cnn-25"):
    found, matches = runs.stored_matches(ROOT / "results" / "synthetic" / name / "released" / "trial-0")
    motifs += found[:ROWS]
    labels += match_labels(matches)[:ROWS]
title = "First-layer filters 0 to 7 of CNN-2 (left) and CNN-25 (right), trial 0; names where a true motif matches"
sheet = logo_sheet(motifs, labels, title, columns=2)
sheet.set_size_inches(9, 5.2)
sheet.savefig(ROOT / "docs" / "_static" / "filters.png", dpi=150)
