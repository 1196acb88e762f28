"""What the commands that train do to memory, where a backend gains by it."""

import subprocess
import sys

import keras
import pytest

ON_JAX = keras.backend.backend() == "jax"
PROGRAM = """
import resource, numpy as np
from keras_mer._memory import keep_freed_memory
done = keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(done, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")
def test_what_is_freed_is_kept_on_jax_alone():
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    done, faults = told.stdout.split()
    assert done == str(ON_JAX)
    # 128 MiB are 32,768 pages, unless the system gives huge ones.
    assert int(faults) < 50 if ON_JAX else int(faults) > 50
