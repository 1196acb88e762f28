"""The real text encoder, for tests that need it, or a skip that says why."""

import os

import pytest

from keras_mer.features import _minilm


def need_minilm():
    """Skips a test where all-MiniLM-L6-v2 or what loads it is not on this machine."""
    pytest.importorskip("keras_hub", reason="keras-hub is not installed")
    if not os.environ.get("KERAS_MER_MINILM") and _minilm._packaged() is None:
        pytest.skip("all-MiniLM-L6-v2 is not on this machine: set KERAS_MER_MINILM")
