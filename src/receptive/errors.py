"""Errors that are the user's to mend: they are shown as one clear sentence, never as a traceback."""

LONGEST = 800
"""Letters of the longest message: what was found may be a whole file in one line."""


class ReceptiveError(Exception):
    """Something that was read or computed is not usable: a file, a field, a diverged training.

    The message names what is wrong, what was expected and what was found; of a very long one the middle is
    left out. The command line exits with ``exit_code``.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(brief(message))


class UsageError(ReceptiveError):
    """An argument or option cannot be meant: an unknown variant, a malformed network, a negative size."""

    exit_code = 2


class ReceptiveWarning(UserWarning):
    """Something in a file was put right, or is less sure than it looks; the command line prints one line."""

    def __init__(self, message: str) -> None:
        super().__init__(brief(message))


def brief(message: str) -> str:
    """Cut the middle out of a message longer than :data:`LONGEST`."""
    half = LONGEST // 2
    return message if len(message) <= LONGEST else f"{message[:half]} … {message[-half:]}"
