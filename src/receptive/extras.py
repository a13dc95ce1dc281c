"""Packages that not every use of this one takes: extras bring them, and a sentence says which is missing."""

from importlib.util import find_spec

from receptive.errors import UsageError

_CALLED = {"distributed": "Dask", "sklearn": "scikit-learn", "modiscolite": "modisco-lite"}
"""Packages that are known by another name than they are imported by."""


def need(what: str, extra: str, *packages: str) -> None:
    """Make sure that packages are installed, before any work is done that would end without them.

    Looking imports none of them.

    Args:
        what: what needs them: a file, an option, a command.
        extra: the extra of this package that brings them all.
        packages: as they are imported.

    Raises:
        UsageError: one is missing; the message names the extra.

    >>> need("the sum", "onnx", "numpy", "no_such")
    Traceback (most recent call last):
    receptive.errors.UsageError: the sum: needs no_such, not installed: pip install "receptive[onnx]"
    """
    if missing := [_CALLED.get(package, package) for package in packages if find_spec(package) is None]:
        names = " and ".join(missing)
        raise UsageError(f'{what}: needs {names}, not installed: pip install "receptive[{extra}]"')
