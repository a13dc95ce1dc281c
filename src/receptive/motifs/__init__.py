"""Motifs: PWMs, the files that hold them, JASPAR, and Tomtom."""
