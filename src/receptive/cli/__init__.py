"""The command line."""

from receptive.cli.app import app, main

__all__ = ["app", "main"]
