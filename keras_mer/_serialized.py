"""Activations and initializers as a configuration names them."""

from typing import Any

import keras


def serialized(value: Any) -> Any:
    """What `keras.saving.serialize_keras_object` makes of an activation or initializer.

    That function imports TensorFlow wherever it is installed, to compare types, which takes
    longer than all else that loading a model does. Of Keras's own objects the result is known.
    """
    name = getattr(value, "__name__", None)
    if name is not None and getattr(keras.activations, name, None) is value:
        return name
    name = type(value).__name__
    if getattr(keras.initializers, name, None) is type(value):
        return {
            "module": "keras.initializers",
            "class_name": name,
            "config": value.get_config(),
            "registered_name": None,
        }
    return keras.saving.serialize_keras_object(value)
