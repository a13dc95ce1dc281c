"""The figures, each a function that returns a matplotlib ``Figure``."""
