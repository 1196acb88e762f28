"""Each format's own runtime: from a file to a function of NumPy arrays."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer._extras import need
from keras_mer.exporting._signature import Input

OUTPUT = "prediction"

Run = Callable[[Mapping[str, np.ndarray]], np.ndarray]


def saved_model(path: Path, signature: list[Input]) -> Run:
    """TensorFlow."""
    tf = need("tensorflow", "tensorflow", "to run a SavedModel")
    loaded = tf.saved_model.load(str(path))  # has to outlive its signature
    serve = loaded.signatures["serving_default"]

    def run(arrays: Mapping[str, np.ndarray], keep: Any = loaded) -> np.ndarray:
        return serve(**{name: tf.constant(x) for name, x in arrays.items()})[OUTPUT].numpy()

    return run


def onnx(path: Path, signature: list[Input]) -> Run:
    """ONNX Runtime."""
    runtime = need("onnxruntime", "onnx", "to run an ONNX file")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda arrays: session.run([OUTPUT], dict(arrays))[0]


def openvino(path: Path, signature: list[Input]) -> Run:
    """OpenVINO, in full precision."""
    ov = need("openvino", "openvino", "to run an OpenVINO file")
    compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda arrays: compiled(dict(arrays))[OUTPUT].copy()


def litert(path: Path, signature: list[Input]) -> Run:
    """LiteRT."""
    litert = need("ai_edge_litert.interpreter", "litert", "to run a LiteRT file")
    serve = litert.Interpreter(str(path)).get_signature_runner("serving_default")
    return lambda arrays: serve(**arrays)[OUTPUT].copy()


def torch(path: Path, signature: list[Input]) -> Run:
    """PyTorch."""
    torch = need("torch", "torch", "to run a pt2 file")
    run = torch.export.load(path).module()

    def serve(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        given = {i.name: torch.from_numpy(arrays[i.name]) for i in signature}
        with torch.no_grad():
            return run(given)[OUTPUT].numpy()

    return serve


RUNTIMES: dict[str, Callable[[Path, list[Input]], Run]] = {
    "saved_model": saved_model,
    "onnx": onnx,
    "openvino": openvino,
    "litert": litert,
    "torch": torch,
}
