"""From config.json to a model: only keras_mer's own classes, only plain arguments."""

import inspect
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import numpy as np

PACKAGE = "keras_mer"

# What Keras writes for arguments that are objects, and that runs nothing when it is made again.
PLAIN_KERAS = ("keras.initializers", "keras.regularizers", "keras.constraints")

_BUILDING = threading.RLock()

# Of any model: what Keras takes through **kwargs, and what `quantize` leaves behind.
KERAS_ARGUMENTS = ("name", "dtype", "trainable", "quantized")


def model_classes() -> dict[str, type[keras.Model]]:
    """The classes that a config.json may name: the models that keras_mer.models exports."""
    from keras_mer import models

    exported = {name: getattr(models, name) for name in models.__all__}
    return {
        name: value
        for name, value in exported.items()
        if inspect.isclass(value) and issubclass(value, keras.Model)
    }


def to_config(model: keras.Model) -> dict[str, Any]:
    """What config.json says of a model.

    Raises:
        ValueError: if the model is none of keras_mer.models, or its configuration is not plain.
    """
    name = type(model).__name__
    if model_classes().get(name) is not type(model):
        raise ValueError(
            f"an entry holds a model of keras_mer.models ({_names()}); received a {name}. "
            "Save other models with model.save(path)"
        )
    arguments = model.get_config()
    arguments.pop("trunk_frozen", None)  # of a training that is going on, and not of the model
    config = {
        "class_name": name,
        "registered_name": f"{PACKAGE}>{name}",
        "config": arguments,
    }
    check_plain(config["config"])
    return config


def from_config(
    config: Mapping[str, Any], dtype: str | None = None, fresh: bool = True
) -> keras.Model:
    """Builds the model that a config.json describes, with fresh weights.

    Args:
        config: the content of config.json.
        dtype: the Keras dtype policy to build it under; the current one by default.
        fresh: `False` leaves the weights zero, for a model whose weights come from a file.

    Raises:
        ValueError: if it names a class other than those of keras_mer.models, if its arguments
            hold anything that could run code, or if the class does not take them.
    """
    name, arguments = config.get("class_name"), config.get("config")
    known = model_classes()
    if (
        not isinstance(name, str)
        or name not in known
        or config.get("registered_name") != f"{PACKAGE}>{name}"
    ):
        raise ValueError(
            f"config.json names the class {config.get('registered_name') or name!r}, and only "
            f"the models of keras_mer are loaded ({_names()}): upgrade keras-mer if it is one "
            "of a newer version, or do not use this entry"
        )
    if not isinstance(arguments, Mapping):
        raise ValueError(f"config.json should give the arguments of {name} as an object")
    check_plain(arguments)
    with _policy(dtype), nullcontext() if fresh else _zeros():
        try:
            return _build(known[name], dict(arguments), dtype)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"config.json does not describe a {name} of this version of keras-mer "
                f"({_one_line(error)}): upgrade keras-mer, or write the entry again"
            ) from error
        except (NotImplementedError, RuntimeError) as error:
            raise ValueError(
                f"a {name} of dtype {dtype or keras.config.dtype_policy().name} cannot be built on "
                f"the {keras.backend.backend()} backend ({_one_line(error)}): a mixed policy, such "
                "as mixed_bfloat16, computes in half precision and keeps weights in float32"
            ) from error


def check_plain(value: Any, where: str = "config") -> None:
    """Raises a `ValueError` if a configuration holds an object that could run code.

    Numbers, texts, lists and dicts pass, and so do Keras's initializers, regularizers,
    constraints and dtype policies, and registered objects of keras_mer.
    """
    if isinstance(value, Mapping):
        if "class_name" in value and not _is_plain_object(value):
            raise ValueError(
                f"{where} holds a {value.get('class_name')!r} of {value.get('module')!r}, which "
                "could run code: an entry holds plain arguments alone, and is neither saved nor "
                "loaded otherwise"
            )
        for key, inner in value.items():
            check_plain(inner, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            check_plain(inner, f"{where}[{index}]")


def _is_plain_object(value: Mapping[str, Any]) -> bool:
    name, module = value["class_name"], value.get("module")
    registered = value.get("registered_name")
    if registered not in (None, name):
        ours = registered == f"{PACKAGE}>{name}"
        return ours and keras.saving.get_registered_object(registered) is not None
    if module == "keras":
        return isinstance(name, str) and name.endswith("DTypePolicy")
    return module in PLAIN_KERAS


def _build(cls: type[keras.Model], arguments: dict[str, Any], dtype: str | None) -> keras.Model:
    parameters = inspect.signature(cls).parameters
    # A functional model would ignore arguments that it does not know.
    if unknown := sorted(set(arguments) - {*parameters, *KERAS_ARGUMENTS}):
        raise ValueError(f"it takes no {', '.join(unknown)}")
    if dtype is not None and ("dtype" in parameters or "dtype" in arguments):
        arguments["dtype"] = dtype
    return cls.from_config(arguments)


@contextmanager
def _policy(dtype: str | None) -> Iterator[None]:
    """Layers take the policy that is current when they are made."""
    if dtype is None:
        yield
        return
    try:
        policy = keras.DTypePolicy(dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "dtype is the name of a Keras dtype policy, such as float32, bfloat16 or "
            f"mixed_float16; received {dtype!r}. For int8, load and call quantize('int8')"
        ) from error
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def _zeros() -> Iterator[None]:
    """Weights that this thread makes are zeros; those of other threads are as ever.

    To draw weights that a file will overwrite is most of the time that loading takes: JAX
    compiles a program for every shape.
    """
    thread = threading.get_ident()
    with _BUILDING:
        add_weight = keras.layers.Layer.add_weight

        def add_zeros(
            layer: keras.layers.Layer,
            shape: Any = None,
            initializer: Any = None,
            *rest: Any,
            **how: Any,
        ) -> Any:
            if threading.get_ident() == thread:
                initializer = _zero_array
            return add_weight(layer, shape, initializer, *rest, **how)

        keras.layers.Layer.add_weight = add_zeros
        try:
            yield
        finally:
            keras.layers.Layer.add_weight = add_weight


def _zero_array(shape: Sequence[int], dtype: str | None = None) -> Any:
    try:
        return np.zeros(shape, dtype)
    except TypeError:  # NumPy has no bfloat16
        return keras.ops.zeros(shape, dtype)


def _names() -> str:
    return ", ".join(sorted(model_classes()))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
