"""Configurations name activations and initializers as Keras does, without its detours."""

import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path

import keras
import pytest

from keras_mer._serialized import serialized
from keras_mer.models import CMMSF
from keras_mer.zoo.config import from_config, to_config

ACTIVATIONS = [
    value
    for name, value in vars(keras.activations).items()
    if inspect.isfunction(value) and name not in ("get", "serialize", "deserialize")
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda value: value.__name__)
def test_activations_are_named_as_by_keras(activation):
    assert serialized(activation) == keras.activations.serialize(activation)


@pytest.mark.parametrize("name", [None, "zeros", "glorot_uniform", "orthogonal"])
def test_initializers_are_named_as_by_keras(name):
    initializer = keras.initializers.get(name)
    assert serialized(initializer) == keras.saving.serialize_keras_object(initializer)


def test_what_is_not_kerass_own_is_left_to_keras():
    @keras.saving.register_keras_serializable(package="tests")
    def doubled(x):
        return 2 * x

    assert serialized(doubled) == keras.saving.serialize_keras_object(doubled)


@pytest.mark.once
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_loading_an_entry_leaves_tensorflow_alone(backend):
    """Its import takes longer than loading."""
    pytest.importorskip(backend)
    program = (
        "import sys, keras_mer; keras_mer.zoo.load('cmmsf_mosi'); "
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    assert done.stdout.split()[-1:] == ["False"], done.stderr


def test_weights_to_be_overwritten_are_zeros_in_this_thread_alone(monkeypatch):
    config = to_config(CMMSF({"text": 4, "audio": 3}, units=4, num_heads=2))
    before, made = keras.layers.Layer.add_weight, []

    def elsewhere():
        dense = keras.layers.Dense(8)
        dense.build((None, 8))
        made.append(dense.kernel)

    def while_it_is_built(**arguments):
        other = threading.Thread(target=elsewhere)
        other.start()
        other.join()
        return CMMSF(**arguments)

    monkeypatch.setattr(CMMSF, "from_config", lambda config: while_it_is_built(**config))
    model = from_config(config, fresh=False)
    assert keras.ops.convert_to_numpy(made[0]).any()
    assert not any(keras.ops.convert_to_numpy(w).any() for w in model.trainable_weights)
    assert keras.layers.Layer.add_weight is before
    fresh = from_config(config)
    assert any(keras.ops.convert_to_numpy(w).any() for w in fresh.trainable_weights)
