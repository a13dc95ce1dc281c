"""What the runs say: numbers, rules and verdicts."""
