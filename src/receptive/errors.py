"""Errors that are the user's to mend: they are shown as one clear sentence, never as a traceback."""


class ReceptiveError(Exception):
    """Something that was read or computed is not usable: a file, a field, a diverged training.

    The message names what is wrong, what was expected and what was found. The command line exits with
    ``exit_code``.
    """

    exit_code = 1


class UsageError(ReceptiveError):
    """An argument or option cannot be meant: an unknown variant, a malformed network, a negative size."""

    exit_code = 2
