"""What is exported from where: the one table that code, tests and docs/export.md go by."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

BACKENDS = ("tensorflow", "jax", "torch")


@dataclass(frozen=True)
class Format:
    """A format and what works.

    Attributes:
        suffix: of the file; empty for a folder.
        runtime: what loads it, as `import` names it.
        extra: of keras-mer, that brings the runtime and the converters.
        backends: those that export to it.
        dynamic: whether batch and time may differ from call to call.
        except_for: systems that a backend cannot export to it.
    """

    suffix: str
    runtime: str
    extra: str
    backends: tuple[str, ...]
    dynamic: bool = True
    except_for: tuple[tuple[str, str], ...] = ()


# jax2onnx fails at the associative scan of the residual gating network, and where a dialogue's
# utterances become rows of a batch of no known size.
NOT_BY_JAX2ONNX = (("jax", "MSRG"), ("jax", "DialogueModel"))

# tf2onnx reshapes wrongly after a dense layer over time, as all attention has it, and makes an
# input of a constant of MCIHN.
NOT_BY_TF2ONNX = tuple(("tensorflow", system) for system in ("CMMSF", "FoalNet", "MCIHN"))

# torch.export settles on a dialogue's number of utterances.
NOT_BY_TORCH = (("torch", "DialogueModel"),)

FORMATS = {
    "saved_model": Format("", "tensorflow", "tensorflow", ("tensorflow", "jax")),
    "onnx": Format(
        ".onnx",
        "onnxruntime",
        "onnx",
        ("tensorflow", "jax", "torch"),
        except_for=NOT_BY_JAX2ONNX + NOT_BY_TF2ONNX + NOT_BY_TORCH,
    ),
    "openvino": Format(
        ".xml",
        "openvino",
        "openvino",
        ("tensorflow", "jax", "torch"),
        except_for=NOT_BY_JAX2ONNX + NOT_BY_TORCH,
    ),
    "litert": Format(
        ".tflite", "ai_edge_litert.interpreter", "litert", ("tensorflow", "jax"), dynamic=False
    ),
    "torch": Format(".pt2", "torch", "torch", ("torch",), except_for=NOT_BY_TORCH),
}


def working_backends(format: str, system: str) -> tuple[str, ...]:
    """The backends that export a system to a format."""
    known = FORMATS[format]
    names = system.rstrip(")").split("(")  # of a dialogue, its own and its system's
    refused = {b for b, name in known.except_for if name in names}
    return tuple(b for b in known.backends if b not in refused)


def system_of(model: Any) -> str:
    """The class of a model; of a dialogue, that of the system that it stands around too."""
    name = type(model).__name__
    return f"{name}({type(model.system).__name__})" if hasattr(model, "system") else name


def check_cell(format: str, model: Any) -> None:
    """Raises a `ValueError` where this backend does not export this model to the format."""
    if format not in FORMATS:
        raise ValueError(f"export knows the formats {', '.join(FORMATS)}; received {format!r}")
    backend, system = keras.backend.backend(), system_of(model)
    works = working_backends(format, system)
    if backend in works:
        _check_device(model)
        return
    if not works:
        raise ValueError(
            f"{system} cannot be exported to {format}; it can to {_other(system)}: choose one"
        )
    raise ValueError(
        f"{system} is exported to {format} from {' or '.join(works)}, and Keras runs on "
        f"{backend}: set KERAS_BACKEND={works[0]}, such as KERAS_BACKEND={works[0]} keras-mer "
        f"export NAME PATH --format {format}"
    )


def _check_device(model: Any) -> None:
    """Raises a `ValueError` if PyTorch would trace the model on an accelerator."""
    if keras.backend.backend() != "torch":
        return
    devices = {v.value.device.type for v in model.variables} - {"cpu"}
    if devices:
        raise ValueError(
            f"from PyTorch, models are exported on the CPU; this one is on {', '.join(devices)}: "
            "run with CUDA_VISIBLE_DEVICES= in front"
        )


def _other(system: str) -> str:
    return ", ".join(f for f in FORMATS if working_backends(f, system))


def check_path(format: str, path: str | os.PathLike[str]) -> Path:
    """The path, if it ends as the format's files do."""
    path, suffix = Path(path).expanduser(), FORMATS[format].suffix
    if suffix and path.suffix != suffix:
        raise ValueError(f"{format} is written to a file named *{suffix}; received {path}")
    if not suffix and path.is_file():
        raise ValueError(f"{format} is written to a folder; {path} is a file")
    return path
