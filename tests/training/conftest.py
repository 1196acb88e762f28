"""What the tests of training share."""

import keras
import pytest


@pytest.fixture(autouse=True, scope="package")
def no_xla():
    """XLA compiles for seconds what these runs do in one; tests/models train with it."""
    with pytest.MonkeyPatch.context() as patch:
        if keras.backend.backend() == "tensorflow":
            patch.setattr("keras.src.trainers.trainer.model_supports_jit", lambda model: False)
        yield
