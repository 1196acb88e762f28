"""What the published systems share as Keras models."""

import gc
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Self

import keras
import numpy as np

from keras_mer._traced import Traced
from keras_mer._types import Config
from keras_mer.layers._modalities import check_modalities, in_order
from keras_mer.models._compile_again import compile_again

USUAL_INT8 = keras.quantizers.Int8QuantizationConfig()


class MultimodalModel(keras.Model):
    """A functional model over a dict of modalities, made again from its constructor's arguments.

    A subclass builds its layers, then its graph, hands the graph to `super().__init__`
    and puts its arguments into `config`.
    """

    config: Config

    reads_dialogues = False
    """Whether a row is a dialogue and a step an utterance with a prediction of its own."""

    label_names: tuple[str, ...] | None = None
    """What the outputs stand for, if `new_head` was told; `save_entry` keeps it."""

    quantized: str | None = None
    """`"int8"` once `quantize` has made the kernels whole numbers."""

    _frozen: SimpleNamespace | None = None

    def get_config(self) -> Config:
        """The constructor's arguments, not the graph; and what has been done to it since."""
        frozen = {"trunk_frozen": True} if self.trunk_frozen else {}
        quantized = {"quantized": self.quantized} if self.quantized else {}
        return {"name": self.name, **self.config, **frozen, **quantized}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> Self:
        """A model with fresh weights from what `get_config` returned."""
        arguments = dict(config)
        frozen = arguments.pop("trunk_frozen", False)
        quantized = arguments.pop("quantized", None)
        model = cls(**arguments)
        if quantized:
            model.quantize(quantized)
        elif frozen:
            model.freeze_trunk()
        return model

    def new_head(self, units: int | Sequence[str], activation: Any = None) -> Self:
        """A model with the same trunk weights and a new output layer.

        Args:
            units: outputs of the new head; or the names of its labels, which
                `keras_mer.zoo.save_entry` then keeps.
            activation: activation of the new head, such as `"softmax"`.

        Returns:
            A new model, not compiled. Its weights are copies, but for the output layer, which
            is fresh. If the trunk is frozen here, it is so there.

        Raises:
            ValueError: if there is no unit, or two labels have one name.

        Example:

        ```python
        model = keras_mer.zoo.load("cmmsf_mosi").new_head(["calm", "angry"], "softmax")
        ```
        """
        names = named_labels(units)
        if self.quantized:
            raise ValueError(
                f"this {type(self).__name__} is in {self.quantized} and learns no more: give the "
                "new head to the model that was quantised, train it, and quantise what came of it"
            )
        config = {
            **self.get_config(),
            "outputs": len(names) if names else units,
            "activation": activation,
        }
        model = type(self).from_config(config)
        copy_weights(self, model, head=False)
        model.label_names = names
        return model

    def make_predict_function(self, force: bool = False) -> Any:
        """As Keras makes it; on PyTorch, shapes that come often are traced: see `Traced`."""
        new = force or getattr(self, "predict_function", None) is None
        made = super().make_predict_function(force)
        usual = type(self).predict_step is keras.Model.predict_step and not self.jit_compile
        if new and usual and keras.backend.backend() == "torch":
            traced = Traced(self)
            self.predict_function = lambda data: traced(
                keras.utils.unpack_x_y_sample_weight(data[0])[0]
            )
        return made

    def quantize(
        self, mode: str | None = None, config: Any = None, filters: Any = None, **kwargs: Any
    ) -> None:
        """Makes the kernels whole numbers of 8 bits: a quarter of their bytes.

        As everywhere in Keras, a `Dense` then multiplies int8 by int8, its inputs rounded
        row by row. The kernels of convolutions and of recurrent layers are stored in int8 and
        computed with as floats. Biases, norms and what else is small stay as they are. There
        is one scale for every output of a kernel; nothing is calibrated, no data are needed.
        docs/precision.md has what it does to the figures of published entries.

        The model predicts and is saved, by itself and as an entry; it does not learn any more.

        Args:
            mode: `"int8"`.
            config: `None`; a configuration would not be saved with the model.
            filters: `None`; a model is quantised as a whole.
            **kwargs: what Keras may add.

        Raises:
            ValueError: if it is quantised to anything else, or twice, or computes in float16.

        Example:

        ```python
        model = keras_mer.zoo.load("cmmsf_mosi")
        model.quantize("int8")
        keras_mer.zoo.save_entry(model, "cmmsf_mosi_int8")
        ```
        """
        # Keras gives a configuration to whom no one has given any.
        usual = config is None or config.get_config() == USUAL_INT8.get_config()
        if mode != "int8" or not usual or filters is not None:
            raise ValueError(
                f"a {type(self).__name__} is quantised by quantize('int8'), as a whole and "
                f"without a configuration; received the mode {mode!r}, "
                f"{'the usual' if usual else 'another'} configuration and the filters {filters!r}"
            )
        if self.quantized:
            raise ValueError(f"this {type(self).__name__} is in {self.quantized} already")
        with _little_garbage():
            super().quantize(mode, filters=_can_be_quantized, **kwargs)
        self.trainable = False
        self.quantized = mode

    @property
    def trunk_frozen(self) -> bool:
        """Whether `freeze_trunk` holds everything but the output layer."""
        return self._frozen is not None

    def freeze_trunk(self) -> None:
        """Lets nothing but the output layer learn.

        As everywhere in Keras, what is frozen keeps its weights, its batch statistics
        included, while dropout goes on under `fit`. The objectives that a model adds to the
        loss for its trunk's sake (adversarial, alignment, matching, discrepancy,
        contrastive) are left out meanwhile. A compiled model is compiled anew with the same
        loss, metrics and optimizer; what the optimizer remembers begins afresh. A model
        saved while it is frozen is so when it is loaded; an entry of the zoo never is.

        Example:

        ```python
        model = keras_mer.zoo.load("cmmsf_mosi").new_head(4, "softmax")
        model.freeze_trunk()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(train, epochs=3)  # the head alone
        model.unfreeze_trunk(rate=0.1)
        model.fit(train, epochs=10)  # everything, at a tenth of the learning rate
        ```
        """
        if self.trunk_frozen:
            return
        still = []
        for layer in trunk_layers(self):
            still += [part for part in layer._flatten_layers() if not part.trainable]
            layer.trainable = False
        # In a namespace, since Keras would take a list for layers of its own.
        self._frozen = SimpleNamespace(still=still)
        if self.compiled:
            compile_again(self)

    def unfreeze_trunk(self, rate: float = 0.1) -> None:
        """Lets everything learn again that did before `freeze_trunk`.

        A compiled model is compiled anew with the same loss, metrics and optimizer, at `rate`
        times its learning rate. A schedule begins again from its first step, its every rate
        multiplied by `rate`. What the optimizer remembers begins afresh.

        Args:
            rate: what the learning rate is multiplied by, above 0.

        Raises:
            ValueError: if `rate` is not above 0.
        """
        if not rate > 0:
            raise ValueError(
                f"unfreeze_trunk multiplies the learning rate by a rate above 0; received {rate!r}"
            )
        if self._frozen is not None:
            for layer in trunk_layers(self):
                layer.trainable = True
            for layer in self._frozen.still:
                layer.trainable = False
            self._frozen = None
        if self.compiled:
            compile_again(self, rate)


@contextmanager
def _little_garbage() -> Iterator[None]:
    """On PyTorch, Keras collects garbage after every `Dense`: what is there now is left out."""
    if gc.get_freeze_count():  # somebody else's doing
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _can_be_quantized(layer: keras.layers.Layer) -> bool:
    return type(layer).quantize is not keras.layers.Layer.quantize


def trunk_layers(model: Any) -> Iterator[keras.layers.Layer]:
    """The outermost layers of a model that have no part of its output layer in them."""
    head = {id(layer) for layer in model.output_layer._flatten_layers()}
    waiting = list(model._flatten_layers(include_self=False, recursive=False))
    while waiting:
        layer = waiting.pop(0)
        if id(layer) in head:
            continue
        if head & {id(part) for part in layer._flatten_layers()}:
            waiting += layer._flatten_layers(include_self=False, recursive=False)
        else:
            yield layer


def copy_weights(source: Any, target: Any, head: bool = True) -> None:
    """Gives a model the weights of another one of the same trunk.

    Args:
        source: whose weights they are.
        target: that gets copies of them.
        head: whether the output layer gets them too.

    Raises:
        ValueError: if a weight that is to be copied has another shape, or is only in one of
            them.
    """
    fresh = set() if head else {id(v) for v in target.output_layer.weights}
    if len(source.weights) != len(target.weights):
        raise ValueError(
            f"the models have {len(source.weights)} and {len(target.weights)} weights; expected "
            "as many"
        )
    pairs = [p for p in zip(source.weights, target.weights, strict=True) if id(p[1]) not in fresh]
    for mine, theirs in pairs:
        if tuple(mine.shape) != tuple(theirs.shape):
            raise ValueError(
                f"{theirs.path} has the shape {tuple(theirs.shape)}; the weights to copy have "
                f"{tuple(mine.shape)}"
            )
    for mine, theirs in pairs:
        # Through NumPy, since JAX would give away a buffer that two models share.
        theirs.assign(np.array(keras.ops.convert_to_numpy(mine)))


def named_labels(units: int | Sequence[str]) -> tuple[str, ...] | None:
    """The names of the labels of a new head, if there are names and not a number of units.

    Raises:
        ValueError: if there is no unit, or two labels have one name.
    """
    if isinstance(units, int) and not isinstance(units, bool) and units > 0:
        return None
    names = tuple(units) if isinstance(units, Sequence) and not isinstance(units, str) else ()
    if not names or not all(isinstance(n, str) for n in names) or len(set(names)) < len(names):
        raise ValueError(
            "the number of units of a new head is 1 or more, or names of labels that differ, such "
            f'as ["calm", "angry"]; received {units!r}'
        )
    return names


def sequence_inputs(
    features: Mapping[str, int | Sequence[int]], model: str, frames: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs for sequences and their masks, of any length.

    Args:
        features: width of each modality, or shape (height, width, channels) of its frames.
        model: the model's name, for errors.
        frames: the modalities that may hold frames.

    Returns:
        Two dicts by modality: float inputs (batch, time, width), or (batch, time, height,
        width, channels), named after the modality, and bool inputs (batch, time) named
        `<modality>_mask`.
    """
    check_modalities(features, model)
    for modality, width in features.items():
        shape, wanted = (width,), "the width of each modality as a positive integer"
        if modality in frames:
            wanted += f", or the shape (height, width, channels) of {modality}"
            if isinstance(width, (list, tuple)) and len(width) == 3:
                shape = tuple(width)
        if not all(isinstance(size, int) and size > 0 for size in shape):
            raise ValueError(f"{model} expects {wanted}; received {width!r} for {modality}")
    sequences, masks = {}, {}
    for m, width in in_order(features).items():
        step = (width,) if isinstance(width, int) else tuple(width)
        sequences[m] = keras.Input((None, *step), name=m)
        masks[m] = keras.Input((None,), dtype="bool", name=f"{m}_mask")
    return sequences, masks


def named_inputs(sequences: Mapping[str, Any], masks: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a model by their names."""
    return {**sequences, **{f"{m}_mask": mask for m, mask in masks.items()}}
