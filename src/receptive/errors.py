"""Errors that are the user's to mend: they are shown as one clear sentence, never as a traceback."""

import re

WIDEST = 200
"""Letters of the longest word that is shown whole."""
MOST = 800
"""Letters of the longest message that is shown whole."""


class ReceptiveError(Exception):
    """Something that was read or computed is not usable: a file, a field, a diverged training.

    The message names what is wrong, what was expected and what was found; of a very long one the middle is
    left out. The command line exits with ``exit_code``.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(shorten(message))


class UsageError(ReceptiveError):
    """An argument or option cannot be meant: an unknown variant, a malformed network, a negative size."""

    exit_code = 2


class ReceptiveWarning(UserWarning):
    """Something in a file was put right, or is less sure than it looks; the command line prints one line."""

    def __init__(self, message: str) -> None:
        super().__init__(shorten(message))


_AROUND = r"(Graph execution error|Detected at node|Exception encountered when calling|File |Stack trace|<)"


def reason(error: Exception) -> str:
    r"""Return the line of another library's error that says what is wrong.

    TensorFlow and Keras begin with where it happened, and Keras ends with what did.

    >>> reason(ValueError("Exception encountered when calling Dense.call().\n\nShapes differ.\n\nArguments"))
    'Shapes differ.'
    """
    text = re.sub(r"\x1b\[\d+m", "", str(error)).rpartition("Exception encountered: ")[2]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = (line for line in lines if not re.match(_AROUND, line))
    return next(said, next(iter(lines), type(error).__name__))


def printable(text: str) -> str:
    """Return text that came from a file or an argument as a terminal may have it.

    Control characters, which a terminal would obey, and those that turn the direction of writing are spelled
    out, as in ``\\x1b``.
    """
    return re.sub(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]",
        lambda letter: letter[0].encode("unicode_escape").decode(),
        text,
    )


def shorten(text: str) -> str:
    """Leave the middle out of long words, and of a long message."""
    text = re.sub(rf"\S{{{WIDEST + 1},}}", lambda word: f"{word[0][:120]}…{word[0][-60:]}", text)
    return text if len(text) <= MOST else f"{text[: MOST // 2 - 2]} … {text[1 - MOST // 2 :]}"
