"""Read the filters of a genomic CNN: Koo & Eddy (2019), executable and tested.

Importing the package imports no deep-learning framework; the modules that train or read a network
import Keras when they are first asked to. The public names are those of ``__all__``; they are looked up when
they are first used.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from receptive.audits.audit import audit
    from receptive.evidence.measured import read_runs
    from receptive.models.model import read_model
    from receptive.motifs.formats import read_motifs
    from receptive.motifs.meme import read_meme
    from receptive.motifs.motif import Motif
    from receptive.motifs.tomtom import match
    from receptive.replication.runs import Run
    from receptive.tasks.dataset import Dataset
    from receptive.theory.fields import receptive_fields
    from receptive.theory.layers import Graph, Layer, parse_layers
    from receptive.theory.prediction import predict

__version__ = version("receptive")

__all__ = [
    "Dataset",
    "Graph",
    "Layer",
    "Motif",
    "Run",
    "audit",
    "match",
    "parse_layers",
    "predict",
    "read_meme",
    "read_model",
    "read_motifs",
    "read_runs",
    "receptive_fields",
]

_HOMES = {
    "Dataset": "tasks.dataset",
    "Graph": "theory.layers",
    "Layer": "theory.layers",
    "Motif": "motifs.motif",
    "Run": "replication.runs",
    "audit": "audits.audit",
    "match": "motifs.tomtom",
    "parse_layers": "theory.layers",
    "predict": "theory.prediction",
    "read_meme": "motifs.meme",
    "read_model": "models.model",
    "read_motifs": "motifs.formats",
    "read_runs": "evidence.measured",
    "receptive_fields": "theory.fields",
}


def __getattr__(name: str) -> Any:
    """Look a public name up in its module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'receptive' has no attribute {name!r}")
    return getattr(import_module(f"receptive.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*globals(), *__all__])
