"""Runs that nobody trained, for tests of what reads them."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from receptive.files import to_json
from receptive.models.keras import Keras
from receptive.models.probe import Probe
from receptive.motifs.jaspar import FACTORS
from receptive.networks import filters
from receptive.networks.filters import Window
from receptive.networks.variants import map_name, variant
from receptive.protocols import CONTROL_READING, Protocol
from receptive.protocols import protocol as switched
from receptive.replication.runs import Filters, Plan, Run


def load_tool(name: str) -> ModuleType:
    """Import a script of ``tools``."""
    spec = spec_from_file_location(name, Path(__file__).parents[1] / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    tool = sys.modules[name] = module_from_spec(spec)  # where dataclasses look for it
    spec.loader.exec_module(tool)
    return tool


def scan_layer(model: Any, layer: str, X: NDArray[np.uint8]) -> Callable[[], Iterator[tuple[int, Any]]]:
    """The maps of a convolution of a model that `networks.variants.build` made, batch by batch."""
    return Probe(Keras(model), map_name(layer), X).maps


def read_layer(
    model: Any, layer: str, X: NDArray[np.uint8], protocol: Protocol, window: Window
) -> filters.Reading:
    """The filters of such a convolution, as a run reads them."""
    window = filters.protocol_window(protocol, window)
    return filters.read_maps(layer, scan_layer(model, layer, X), X, protocol, window)


def protocol_of(name: str) -> Protocol:
    """The protocol of a name, such as ``released+beta_1=0.9``."""
    if name == CONTROL_READING.name:
        return CONTROL_READING
    base, *switches = name.split("+")
    pairs = (switch.split("=") for switch in switches)
    return switched(base, **{field: json.loads(value.replace("None", "null")) for field, value in pairs})


def make_run(
    network: str = "cnn-25",
    trial: int = 0,
    auroc: float = 0.97,
    jaspar: float = 0.9,
    relevant: float = 0.8,
    *,
    protocol: Protocol | str = "released",
    task: str = "synthetic",
    data: str = "0" * 64,
    classes: Sequence[str] = ("class 0",),
    by_factor: Mapping[str, float] | None = None,
    layers: Sequence[str] = ("conv1",),
    epochs: int = 100,
    **changes: Any,
) -> Run:
    """A finished run with these numbers; ``changes`` are those of any field of a run."""
    plan = Plan(
        task,
        data,
        variant(network),
        protocol if isinstance(protocol, Protocol) else protocol_of(protocol),
        trial,
        epochs,
        tuple(classes),
    )
    shares = dict.fromkeys(FACTORS, relevant / 12) if by_factor is None else by_factor
    filters = Filters(12, 0, jaspar, jaspar, relevant, relevant / 2, shares)
    run = Run(
        plan=plan,
        auroc=(auroc,) * len(classes),
        aupr=(auroc / 2,) * len(classes),
        filters=dict.fromkeys(layers, filters),
        loss=(0.5,),
        val_loss=(0.5,),
        best_epoch=1,
        seconds=1.0,
        parameters=1,
        backend="made up",
        device="CPU",
        machine="made up",
        versions={},
        data={"sha256": data},
    )
    return replace(run, **changes)


def put_run(store: Path, run: Run, **damage: Any) -> Path:
    """Store a run, with some fields of its record changed; return its folder."""
    folder = run.plan.folder(store)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(to_json({**run.record(), **damage}))
    return folder
