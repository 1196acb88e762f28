"""A model written for another runtime, and compared with itself there."""

import json
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_mer._extras import need
from keras_mer.exporting._formats import FORMATS, check_cell, check_path
from keras_mer.exporting._runtimes import RUNTIMES
from keras_mer.exporting._signature import Input, random_inputs, signature_of
from keras_mer.exporting._writers import write

TOLERANCE = 1e-4
"""The largest difference of an output between Keras and the runtime, of outputs around 1."""

SIZES = ((3, 7), (1, 1), (5, 12))
"""Rows and steps of the inputs that are compared; PyTorch is traced with the first."""


def export(
    model: Any,
    path: str | os.PathLike[str],
    format: str = "onnx",
    batch_size: int | None = None,
    steps: int | None = None,
    check: bool = True,
) -> Path:
    """Writes a model's prediction for another runtime, where Keras is not needed.

    The inputs keep their names (`text`, `text_mask`, ...), and the output is named
    `prediction`. What was written is loaded in its runtime and compared with the model on
    random inputs of several sizes, with padding and missing modalities; a difference above
    1e-4 is an error, and nothing is left behind. Features are expected as the model sees them:
    for an entry, `<path>.json` beside the file (in place of its suffix) says how they are
    scaled, what they are, and what the outputs mean.

    | format | file | dynamic batch and time | from |
    |---|---|---|---|
    | `"onnx"` | `*.onnx` | yes | TensorFlow, JAX, PyTorch |
    | `"openvino"` | `*.xml` and `*.bin` | yes | TensorFlow, JAX, PyTorch |
    | `"saved_model"` | a folder | yes | TensorFlow, JAX |
    | `"litert"` | `*.tflite` | no, `batch_size` and `steps` fix them | TensorFlow, JAX |
    | `"torch"` | `*.pt2` | yes | PyTorch |

    docs/export.md has what works for each system, with the differences that were measured.

    Args:
        model: a model of `keras_mer.models`, or the name or folder of an entry of the zoo.
        path: where to write, with the suffix of the format.
        format: one of the above.
        batch_size: fixes the number of rows; `None` for any. For `"litert"` the default is 1.
        steps: fixes the number of steps of every modality; `None` for any. `"litert"` needs it.
        check: whether to compare; needs the format's runtime.

    Returns:
        The path.

    Raises:
        ValueError: if the format is not written from this backend, with those that do; if a
            size is missing or the model is not float32; if the outputs differ.
        ImportError: if a converter or the runtime is not installed, with the extra that has it.

    Example:

    ```python
    keras_mer.export("cmmsf_mosi", "cmmsf_mosi.onnx", "onnx")
    session = onnxruntime.InferenceSession("cmmsf_mosi.onnx")
    (scores,) = session.run(["prediction"], {"text": text, "text_mask": text_mask, ...})
    ```
    """
    name = model if isinstance(model, (str, os.PathLike)) else None
    if name is not None:
        from keras_mer import zoo

        model = zoo.load(name)
    check_cell(format, model)
    place = check_path(format, path)
    signature = _signature(model, format, batch_size, steps)
    if check:
        need(FORMATS[format].runtime, FORMATS[format].extra, "to compare the export")
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-") as work:
        written = Path(work) / place.name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the converters, about their own insides
            write(model, written, format, signature)
            if check:
                difference(model, written, format, signature)
        if name is not None:
            text = json.dumps(_description(name, model, signature), indent=2, ensure_ascii=False)
            written.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
        _put_in_place(Path(work), place.parent)
    return place


def _signature(model: Any, format: str, batch_size: int | None, steps: int | None) -> list[Input]:
    if not FORMATS[format].dynamic:
        batch_size = batch_size or 1
        if steps is None:
            raise ValueError(
                f"{format} knows no dynamic time: pass steps, to which every modality is padded "
                "or cut, such as steps=50 (--steps 50)"
            )
    return signature_of(model, batch_size, steps)


def difference(model: Any, path: Path, format: str, signature: list[Input]) -> float:
    """The largest difference between the model and the file in its runtime.

    Raises:
        ValueError: if it is above the tolerance, or not a number.
    """
    run, worst = RUNTIMES[format](path, signature), 0.0
    for seed, (batch, time) in enumerate(SIZES):
        arrays = random_inputs(signature, batch, time, seed)
        expected = keras.ops.convert_to_numpy(model(arrays, training=False))
        received = run(arrays)
        if received.shape != expected.shape:
            raise ValueError(
                f"the {format} file gives the shape {received.shape}, the model "
                f"{expected.shape}: nothing was written"
            )
        worst = max(worst, float(np.abs(received - expected).max()))
        if not worst <= TOLERANCE:  # also where it is not a number
            raise ValueError(
                f"the {format} file and the model differ by {worst:.2g}, more than {TOLERANCE}: "
                "nothing was written; export from another backend, or to another format"
            )
    return worst


def _description(name: Any, model: Any, signature: list[Input]) -> dict[str, Any]:
    """What who uses the file of an entry needs to know."""
    from keras_mer import zoo
    from keras_mer._version import __version__

    metadata, preprocessor = zoo.metadata(name), zoo.preprocessor(name)
    known = ("system", "task", "label_names", "label_range", "features", "data", "licence")
    return {
        "entry": metadata["name"],
        "keras_mer": __version__,
        **{key: metadata[key] for key in known if key in metadata},
        "inputs": [{"name": i.name, "dtype": i.dtype, "shape": list(i.axes)} for i in signature],
        "output": {"name": "prediction", "shape": list(model.output_shape)},
        "masks": "True at a real step, rows padded at their end; False throughout: missing",
        "preprocessor": None if preprocessor is None else preprocessor.to_json(),
    }


def _put_in_place(work: Path, folder: Path) -> None:
    for new in sorted(work.iterdir()):
        old = folder / new.name
        if old.is_dir():
            shutil.rmtree(old)
        os.replace(new, old)
