"""Chooses an installed Keras backend before Keras is imported, when the user chose none."""

import importlib.util
import json
import os
import sys
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")


def configured_backend() -> str:
    """The backend Keras would take by itself: that of keras.json, else TensorFlow."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    try:
        backend = json.loads((Path(home) / "keras.json").read_text())["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        return BACKENDS[0]
    return str(backend)


def choose_backend() -> str | None:
    """Sets `KERAS_BACKEND` to an installed backend if nobody has chosen one.

    Returns:
        The backend that was set; `None` if the choice was already made, by the
        environment, by an earlier `import keras`, or because the configured
        backend is installed.

    Raises:
        ImportError: if none of TensorFlow, JAX and PyTorch is installed.
    """
    if os.environ.get("KERAS_BACKEND") or "keras" in sys.modules:
        return None
    configured = configured_backend()
    if configured not in BACKENDS or importlib.util.find_spec(configured):
        return None
    for backend in BACKENDS:
        if importlib.util.find_spec(backend):
            os.environ["KERAS_BACKEND"] = backend
            print(
                f"keras_mer: using the {backend} backend ({configured} is not installed); "
                "set KERAS_BACKEND to choose another",
                file=sys.stderr,
            )
            return backend
    raise ImportError(
        "keras_mer needs one of TensorFlow, JAX and PyTorch, and none is installed: "
        'pip install "keras-mer[tensorflow]" (or [jax], or [torch])'
    )
