"""Read PyTorch models through ONNX: programs that were exported to ``.pt2`` files, and live modules.

PyTorch's own reader of ``.pt2`` unpickles, evaluates and compiles parts of a file. So a file is first checked
for everything of that kind, and what is handed on is a copy of the parts that were checked.
"""

import io
import json
import logging
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from receptive.errors import ReceptiveError, reason
from receptive.extras import need
from receptive.files import DAMAGED, check_archive, check_file, from_json, read_member
from receptive.models import onnx
from receptive.models.saved import EXPORTING

PACKAGES = ("torch", "onnx", "onnxscript")
"""What reading takes; running takes onnxruntime, too."""

_PLACES = re.compile(
    r"(data/(weights|constants|sample_inputs)/[^/]+|models/[^/]+\.json|extra/.*"
    r"|archive_(format|version)|version|byteorder|\.data/[^/]+)"
)
"""Where a program's parts lie in its archive; elsewhere there may be compiled code."""
_TARGETS = re.compile(
    r"torch\.ops\.(aten|prims)\.(?!(save|from_file|warn|_print)\b)\w+(\.\w+)?|torch\.sym_\w+|math\.\w+"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|neg|pow|eq|ne|lt|le|gt|ge|getitem|and_|or_|not_)"
)
"""Operators that come with PyTorch and do nothing but compute: neither write nor read files."""
_SYMBOL = re.compile(r"[a-z]{1,4}\d+")
_SIZES = {
    *("Symbol", "Integer", "Mul", "Add", "Pow", "Max", "Min", "Mod", "PythonMod", "FloorDiv", "CeilDiv"),
    *(
        "CleanDiv",
        "Rational",
        "IntTrueDiv",
        "ToFloat",
        "Eq",
        "Ne",
        "Ge",
        "Gt",
        "Le",
        "Lt",
        "And",
        "Or",
        "Not",
    ),
    *("positive", "integer", "nonnegative", "True", "False"),
}
"""What sizes are written with, which PyTorch evaluates."""
_TREES = (None, "builtins.tuple", "builtins.list", "builtins.dict")
_TEXT = {
    "as_string": re.compile(r"[\w.,> -]*"),  # such as "same", or the equation of an einsum
    "as_strings": re.compile(r"[\w.,> -]*"),
    "as_operator": _TARGETS,
    "nn_module_stack": re.compile(r"[^\x00-\x1f]*"),  # names modules; PyTorch evaluates nothing of it
    "path_name": re.compile(r"(weight|tensor)_\d+"),
    "torch_version": re.compile(r"[\w.+]*"),
}
"""What texts there may be by where they stand; others are `_NAME`, as PyTorch makes Python of some."""
_NAME = re.compile(r"[\w. -]*")
_SHAPES = ("4 L", "L 4", "4 1 L", "1 4 L", "L 1 4", "1 L 4")
"""Forms of a sequence that a module may take, the likeliest first."""


def open_program(path: Path | str, threads: int | None = None) -> onnx.Onnx:
    """Open the program in a ``.pt2`` file. Nothing that the file holds is run.

    Raises:
        UsageError: PyTorch or what its exporter takes is missing.
        ReceptiveError: it is no exported program, or holds code.
    """
    need(str(path), "torch", *PACKAGES)
    import torch

    content = strip_code(path)
    try:
        with _silent():
            program = torch.export.load(content)
    except Exception as error:  # its reader raises of every kind
        raise ReceptiveError(f"{path}: PyTorch {torch.__version__} cannot load it: {reason(error)}") from None
    return onnx.Onnx(_proto(program, str(path)), str(path), None, threads)


def export(module: Any, length: int) -> onnx.Onnx:
    """Export a live module, for evaluation, as it runs on sequences of a length.

    Args:
        module: a ``torch.nn.Module`` that takes (N, 4, L) or (N, L, 4), or these with an axis of 1; or an
            exported program.
        length: of the sequences.

    Raises:
        UsageError: what the exporter takes is missing.
        ReceptiveError: the module takes no such input, or cannot be exported.
    """
    name = type(module).__name__
    need(name, "torch", *PACKAGES)
    import torch

    if isinstance(module, torch.export.ExportedProgram):
        return onnx.Onnx(_proto(module, name), name)
    modes = {part: part.training for part in module.modules()}
    with suppress(NotImplementedError):  # what torch.export.load gives is as it was exported
        module.eval()
    try:
        x = _example(module, length, name)
        with _silent():
            sizes = torch.export.ShapesCollection()  # whatever the module calls its argument
            sizes[x] = {0: torch.export.Dim.AUTO}
            program = torch.export.export(module, (x,), dynamic_shapes=sizes)
    except ReceptiveError:
        raise
    except Exception as error:
        raise ReceptiveError(f"{name}: torch.export cannot follow it: {reason(error)}") from None
    finally:
        for part, mode in modes.items():
            part.training = mode
    return onnx.Onnx(_proto(program, name), name)


def _example(module: Any, length: int, name: str) -> Any:
    """Return two sequences in the first form that the module takes."""
    import torch

    like = next(
        (parameter for parameter in module.parameters() if parameter.is_floating_point()), torch.zeros(1)
    )
    why = ""
    for form in _SHAPES:
        sizes = [length if size == "L" else int(size) for size in form.split()]
        x = torch.zeros(2, *sizes, dtype=like.dtype, device=like.device)
        try:
            with torch.no_grad():
                module(x)
        except Exception as error:  # whatever the module's own code raises of another form
            why = why or reason(error)
            continue
        return x
    raise ReceptiveError(
        f"{name}: expected a module of one-hot DNA alone, (N, 4, {length}) or (N, {length}, 4), and it takes "
        f"neither: {why}; one that takes other inputs as well can be wrapped in a module that gives them"
    )


def _proto(program: Any, name: str) -> Any:
    """Return the ONNX model of an exported program."""
    import torch

    try:
        with _silent():
            return torch.onnx.export(program, dynamo=True, verbose=False).model_proto
    except Exception as error:  # its passes raise of every kind; the innermost says what is wrong
        causes: list[Any] = [error]
        while causes[-1].__cause__:
            causes.append(causes[-1].__cause__)
        operator = re.search(r"target=torch\.ops\.([\w.]+)", "".join(map(str, causes)))
        what, way = (operator[1], "; a module that ends before it can be read") if operator else ("it", "")
        raise ReceptiveError(
            f"{name}: PyTorch cannot write {what} as ONNX: {reason(causes[-1])}{way}"
        ) from None


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the exporter's notes to itself."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


# --- what a file may hold ------------------------------------------------------------------------------


def strip_code(path: Path | str) -> io.BytesIO:
    """Return a copy of an exported program in which there is no code.

    Raises:
        ReceptiveError: the file is something else, or holds what PyTorch would run: pickled objects, compiled
            code, operators of others, names and sizes that are none.
    """
    check_file(path, "a program that PyTorch exported")
    check_archive(path)
    copy = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as made:
            names = archive.namelist()
            roots = {name.split("/")[0] for name in names}
            if (
                len(roots) != 1
                or len(names) != len({*names})
                or not any("/models/" in name for name in names)
            ):
                raise ReceptiveError(f"{path}: not a program that PyTorch 2.8 or newer exported: {EXPORTING}")
            for name in names:
                place = name.partition("/")[2]
                if not _PLACES.fullmatch(place):
                    raise _refusal(path, f"{place}, which may be code")
                if place.startswith("extra/"):
                    continue
                if place.startswith("data/sample_inputs/"):
                    content = b""  # a pickle, which nothing needs
                elif name.endswith(".json"):
                    described = from_json(read_member(archive, name), f"{path}: {place}")
                    for what in _code(described):
                        raise _refusal(path, what)
                    content = json.dumps(described).encode()
                else:
                    content = archive.read(name)
                made.writestr(name, content)
    except (*DAMAGED, EOFError, NotImplementedError, RuntimeError):
        raise ReceptiveError(f"{path}: not a program that PyTorch exported, or a damaged one") from None
    except OSError as error:
        raise ReceptiveError(f"cannot read {path}: {error.strerror or error}") from None
    copy.seek(0)
    return copy


def _refusal(path: Path | str, what: str) -> ReceptiveError:
    """Return the error for a file that holds what would be run."""
    return ReceptiveError(f"{path}: holds {what}; code in a file is never run, so it is left alone")


def _code(described: Any, key: str = "") -> Iterator[str]:
    """Yield what PyTorch may run of a description, in words; drop of it what only people read."""
    if isinstance(described, dict):
        if described.get("use_pickle"):
            yield "pickled tensors"
        if "guards_code" in described:
            described["guards_code"] = []  # checks of shapes, as Python
        if isinstance(metadata := described.get("metadata"), dict):
            described["metadata"] = {name: metadata[name] for name in metadata if name == "nn_module_stack"}
        for name, below in described.items():
            yield from (f'the name "{name}"' for _ in range(not _NAME.fullmatch(name)))
            yield from _code(below, name)
    elif isinstance(described, list):
        for below in described:
            yield from _code(below, key)
    elif isinstance(described, str):
        if key == "target":
            if not _TARGETS.fullmatch(described):
                yield f"{described}, an operator that does more than compute, or is not PyTorch's own"
        elif key == "expr_str":
            if not _is_size(described):
                yield f'the size "{described}"'
        elif key in ("in_spec", "out_spec"):
            if not _is_tree(from_json(described, key)):
                yield "inputs or outputs of a class of its own"
        elif not _TEXT.get(key, _NAME).fullmatch(described):
            yield f'the {key.replace("_", " ")} "{described}"'


def _is_size(text: str) -> bool:
    """Tell whether a text is a size as PyTorch writes it, and one that is soon worked out."""
    words = re.findall(r"[^\W\d]\w*", text)
    known = all(word in _SIZES or _SYMBOL.fullmatch(word) for word in words)
    plain = re.fullmatch(r"[\w\s,()=+*/<>'-]*", text)
    return known and bool(plain) and "**" not in text and words.count("Pow") < 4


def _is_tree(spec: Any) -> bool:
    """Tell whether the description of inputs or outputs is one of tuples, lists, dicts and tensors."""
    if isinstance(spec, list):
        return len(spec) == 2 and _is_tree(spec[1])
    if not isinstance(spec, dict) or spec.get("type") not in _TREES:
        return False
    context, below = spec.get("context"), spec.get("children_spec")
    named = context in (None, "null") or (
        isinstance(context, str) and re.fullmatch(r'[\w\s",[\].-]*', context)
    )
    return bool(named) and isinstance(below, list) and all(map(_is_tree, below))
