"""Trainings: what determines one, what it leaves, and how many are run at once."""
