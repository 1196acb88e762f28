"""What the tests of training share."""

import keras
import pytest
from minilm import need_minilm


@pytest.fixture(autouse=True, scope="module")
def no_xla():
    """XLA compiles for seconds what these runs do in one; tests/models train with it."""
    with pytest.MonkeyPatch.context() as patch:
        if keras.backend.backend() == "tensorflow":
            patch.setattr("keras.src.trainers.trainer.model_supports_jit", lambda model: False)
        yield


@pytest.fixture
def minilm(monkeypatch, tmp_path):
    """The real text encoder, and a home in which no text is encoded yet."""
    need_minilm()
    monkeypatch.setenv("KERAS_MER_HOME", str(tmp_path / "home"))
