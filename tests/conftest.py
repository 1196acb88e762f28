"""Puts the shared helpers of the tests within reach, and keeps the backends quick and quiet."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:
    # A worker has one core: threads of several workers would wait for each other.
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
# Most of a test on JAX is compiling: the same programs are compiled once, and not for speed.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
)
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(tempfile.gettempdir(), "keras-mer-tests-jax"))
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
sys.path.insert(0, str(Path(__file__).parent))

# Where a traced program is what may fail. Elsewhere tracing would be most of TensorFlow's time.
TRACED = {"data", "exporting", "layers", "released"}

SHARED = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture(autouse=True)
def untraced_on_tensorflow(request):
    """Runs TensorFlow's functions eagerly, but in `TRACED` and where a test is marked `traced`."""
    traced = request.path.parent.name in TRACED or request.node.get_closest_marker("traced")
    if traced or os.environ.get("KERAS_BACKEND") != "tensorflow":
        yield
        return
    import tensorflow

    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def real_data():
    """The folder of the public data, or a skip that says why."""
    folder = Path(os.environ.get("KERAS_MER_DATA", SHARED))
    if not (folder / "mosi").is_dir():
        pytest.skip(f"no public data in {folder}: set KERAS_MER_DATA")
    return folder
