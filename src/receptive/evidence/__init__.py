"""Evidence of the runs: numbers, rules and verdicts."""
