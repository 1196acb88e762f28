"""How much each time step has to do with a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_mer.explain._gradients import input_gradients
from keras_mer.explain._outputs import Output, chosen_outputs, picked
from keras_mer.explain._subsets import modalities_of, predict_subsets
from keras_mer.features._buckets import bucket

POWER = 3  # so that points lie dense at the baseline, where normalised features turn at once


@dataclass(frozen=True)
class TimeSteps:
    """One output of n predictions, split among the time steps of all modalities.

    `baseline`, all importances of a row, and its `residual` sum to `prediction`.

    Attributes:
        importance: per modality (n, time), in units of the prediction, signed; exactly 0 at
            masked steps. A step of a model that reads dialogues is an utterance.
        baseline: (n,), what is predicted at the baseline.
        prediction: (n,).
        residual: (n,), what the sum over the points missed. It shrinks with more steps, but
            for what jumps: the hard mask of `MaskGatedFusion`, the choice of image tokens.
        output: (n,) int, the output that is explained.
    """

    importance: dict[str, np.ndarray]
    baseline: np.ndarray
    prediction: np.ndarray
    residual: np.ndarray
    output: np.ndarray


def integrated_gradients(
    model: keras.Model,
    inputs: Mapping[str, Any],
    steps: int = 50,
    output: Output = None,
    baseline: float | Mapping[str, Any] = 0.0,
    utterance: int | Sequence[int] | np.ndarray | None = None,
    batch_size: int = 64,
) -> TimeSteps:
    """The importance of every time step, by integrated gradients.

    The features go from the baseline to what they are; the gradient of the prediction on the
    way, times the way, is what each feature adds, and the sum over a step's features is the
    step's. Masks stay as they are. The way is taken in unequal steps, the shortest at the
    baseline.

    Args:
        model: whose inputs are `text`, `text_mask` and so on.
        inputs: what the model takes, as arrays of n rows. What masked steps hold is not read.
        steps: points on the way. 50 are enough for a picture, see `TimeSteps.residual`.
        output: which of the model's outputs, one for all rows or one for each. By default the
            largest, which is the predicted class.
        baseline: features that say nothing: a number, or per modality what can be broadcast to
            its input. 0 is the mean of standardised features.
        utterance: of a model that reads dialogues, whose prediction is explained, one for all
            dialogues or one for each; by default the last one.
        batch_size: points at once.

    Raises:
        ValueError: if no modality has a mask, `steps` is less than 1, or the model has no such
            output or utterance.

    Example:

    >>> import numpy as np
    >>> from keras_mer.models import MSRG
    >>> model = MSRG({"text": 8, "audio": 5}, steps=4, encoder_units=6, units=4)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 1, 5), "float32"), "audio_mask": np.zeros((2, 1), "bool"),
    ... }
    >>> found = integrated_gradients(model, inputs, steps=10)
    >>> found.importance["text"].shape, float(found.importance["audio"].sum())
    ((2, 6), 0.0)

    Reference:
        Sundararajan, Taly and Yan, Axiomatic attribution for deep networks, ICML 2017.
    """
    if steps < 1:
        raise ValueError(f"`steps` must be 1 or more; received {steps}")
    names = modalities_of(inputs)
    masks = {f"{m}_mask": np.asarray(inputs[f"{m}_mask"], "bool") for m in names}
    ends = {m: _real(inputs[m], masks[f"{m}_mask"]) for m in names}
    starts = {m: _real(_start(baseline, m, x.shape), masks[f"{m}_mask"]) for m, x in ends.items()}
    reached, left = (
        predict_subsets(model, {**x, **masks}, [frozenset(names)])[0] for x in (ends, starts)
    )
    which = chosen_outputs(reached, output)
    weights = np.eye(reached.shape[-1])[which]
    if reached.ndim == 3:
        at = _utterances(utterance, masks)
        weights[np.arange(reached.shape[1]) != at[:, None]] = 0.0
        rows = np.arange(len(at))
        reached, left, which = reached[rows, at], left[rows, at], which[rows, at]
    elif utterance is not None:
        raise ValueError("the model reads every row by itself: leave utterance out")
    importance = _importance(model, starts, ends, masks, weights, steps, batch_size)
    end, start = picked(reached, which), picked(left, which)
    residual = end - start - sum(x.sum(axis=1) for x in importance.values())
    return TimeSteps(importance, start, end, residual, which)


def _importance(
    model: keras.Model,
    starts: Mapping[str, np.ndarray],
    ends: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    weights: np.ndarray,
    steps: int,
    batch_size: int,
) -> dict[str, np.ndarray]:
    """(n, time) of each modality, over all rows and points in batches of one shape."""
    place, width = _points(steps)
    found = {m: np.zeros(x.shape[:2]) for m, x in ends.items()}
    count = len(weights) * steps
    size = min(batch_size, bucket(count))
    for first in range(0, count, size):
        numbers = np.arange(first, first + size)
        row, point = np.divmod(np.minimum(numbers, count - 1), steps)
        ways = {m: ends[m][row] - starts[m][row] for m in ends}
        moving = {
            m: (starts[m][row] + _along(place[point], way) * way).astype("float32")
            for m, way in ways.items()
        }
        fixed = {name: mask[row] for name, mask in masks.items()}
        gradients = input_gradients(model, moving, fixed, weights[row])
        share = np.where(numbers < count, width[point], 0.0)
        for m, way in ways.items():
            added = (gradients[m] * way).sum(axis=tuple(range(2, way.ndim)), dtype="float64")
            np.add.at(found[m], row, np.where(fixed[f"{m}_mask"], added * share[:, None], 0.0))
    return found


def _points(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the points lie between 0 and 1, and how much of the way each stands for."""
    edges = np.linspace(0, 1, steps + 1) ** POWER
    middles = ((np.arange(steps) + 0.5) / steps) ** POWER
    return middles, np.diff(edges)


def _along(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    return values.reshape(-1, *[1] * (like.ndim - 1)).astype("float32")


def _real(x: Any, mask: np.ndarray) -> np.ndarray:
    """The features as they are, zeros at masked steps."""
    x = np.asarray(x, "float32")
    return np.where(mask.reshape(mask.shape + (1,) * (x.ndim - 2)), x, np.float32(0))


def _start(
    baseline: float | Mapping[str, Any], modality: str, shape: tuple[int, ...]
) -> np.ndarray:
    value = baseline.get(modality, 0.0) if isinstance(baseline, Mapping) else baseline
    try:
        return np.broadcast_to(np.asarray(value, "float32"), shape)
    except ValueError:
        raise ValueError(
            f"the baseline of {modality} must be a number or broadcast to its shape {shape}; "
            f"received the shape {np.shape(value)}"
        ) from None


def _utterances(utterance: Any, masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n,) the utterance of each dialogue that is explained."""
    there = np.any(list(masks.values()), axis=0)
    length = there.shape[1]
    if utterance is None:
        return np.where(there.any(axis=1), length - 1 - there[:, ::-1].argmax(axis=1), 0)
    at = np.asarray(utterance)
    if at.dtype.kind not in "iu" or at.shape not in ((), (len(there),)):
        raise ValueError(
            f"`utterance` must be a whole number, or one for each of the {len(there)} dialogues; "
            f"received {utterance!r}"
        )
    if at.size and not (at.min() >= 0 and at.max() < length):
        raise ValueError(
            f"the dialogues have the utterances 0 to {length - 1}; received utterance={utterance!r}"
        )
    return np.broadcast_to(at, (len(there),))
