"""Audits: a network's filters as motifs, and how much each matters."""
