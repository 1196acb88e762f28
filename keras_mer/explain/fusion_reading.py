"""What the gates of a fusion let pass of each modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import keras
import numpy as np
from keras import ops, tree

from keras_mer.explain._anew import called_anew, tensors_inside
from keras_mer.explain._hiding import parts_of_sum, shares_by_hiding
from keras_mer.models import MCIHN, MSRG

Gates = dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True)
class FusionReading:
    """What passed the fusion, for n rows.

    Attributes:
        shares: per modality (n,), its part in the prediction, as `keras_mer.explain.shares` has
            it. 0 for a missing modality; the shares of a row sum to 1, or to 0 if nothing was
            there.
        openness: per modality (n,), from 0 (shut, or missing) to 1 (open), by `kind`.
        gates: per modality and name, the values that `openness` is the mean of; 0 for a missing
            modality.
        steps: of an `MSRG`, per direction "remember" and "learn", each (n, steps, units): how
            much of its state the residual gating keeps at a step (-1 to 1), and how much of what
            the step tells it takes in (0 to 1). It reads all modalities joined, and so these
            are of no modality alone. 0 at masked steps.
        kind: "mask-gated": openness is the mean of mask times gate over the features, and the
            gates are "gate" and "mask", (n, units). "cross-modal": the mean weight of a
            modality in the gates of its pairs, and the gates are its weights by the other
            modality of the pair, (n, units); 1 where that one is missing. "joint": its weight in
            the joint feature that guides the attention, which is also its gate "joint", (n,).
    """

    shares: dict[str, np.ndarray]
    openness: dict[str, np.ndarray]
    gates: Gates = field(default_factory=dict)
    steps: Gates = field(default_factory=dict)
    kind: Literal["mask-gated", "cross-modal", "joint"] = "mask-gated"

    def rows(self, places: Any) -> FusionReading:
        """The reading of some rows alone, by their places or a bool mask."""
        chosen = np.asarray(places)
        names = ("shares", "openness", "gates", "steps")
        parts = {n: tree.map_structure(lambda x: x[chosen], getattr(self, n)) for n in names}
        return FusionReading(**parts, kind=self.kind)


def fusion_reading(
    model: keras.Model, inputs: Mapping[str, Any], batch_size: int = 64
) -> FusionReading:
    """Reads the gates of a `CMMSF`, an `MCIHN` or an `MSRG`.

    A `CMMSF` ends in a `MaskGatedFusion`; the share of a modality is the length of what it adds to
    the hidden layer after it. In an `MCIHN` a `CrossModalGate` weighs each pair of modalities, in
    an `MSRG` `AdaptiveMultimodalLinearPooling` weighs the modalities in the joint feature and the
    `ResidualGatingNetwork` gates the time steps; there attention or memory stand between the
    gates and the prediction, and the shares are found by hiding.

    Args:
        model: one of the three, or any with the attributes `fusion`, `fused`, `gates` and
            `hidden_layer` of a `CMMSF`.
        inputs: what the model takes, as arrays of n rows.
        batch_size: rows read at once. `MSRG(norm="batch")` weighs modalities by the whole batch.

    Raises:
        ValueError: if the model has no gates.

    Example:

    >>> import numpy as np
    >>> from keras_mer.models import CMMSF
    >>> model = CMMSF({"text": 8, "audio": 5}, units=4, num_heads=2)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 1, 5), "float32"), "audio_mask": np.zeros((2, 1), "bool"),
    ... }
    >>> reading = fusion_reading(model, inputs)
    >>> reading.shares["text"].tolist(), reading.gates["text"]["gate"].shape
    ([1.0, 1.0], (2, 4))
    """
    if is_mask_gated(model):
        return _mask_gated(model, inputs, batch_size)
    if isinstance(model, MCIHN) and model.gates:
        return _cross_modal(model, inputs, batch_size)
    if isinstance(model, MSRG):
        return _joint(model, inputs, batch_size)
    raise ValueError(
        f"{type(model).__name__} has no gates to read{_why_none(model)}; fusion_reading reads "
        "CMMSF, MCIHN and MSRG, and keras_mer.explain.shares and shapley_values every model"
    )


def is_mask_gated(model: keras.Model) -> bool:
    """Whether a mask-gated fusion is the way of the model from modalities to prediction."""
    return all(hasattr(model, name) for name in ("fusion", "fused", "gates", "hidden_layer"))


def _why_none(model: keras.Model) -> str:
    if isinstance(model, MCIHN):
        return ", as it was made with gate=False"
    if getattr(model, "reads_dialogues", False):
        return ": it reads dialogues, and the gates of its system see utterances"
    return ""


def _mask_gated(model: Any, inputs: Mapping[str, Any], batch_size: int) -> FusionReading:
    read = tensors_inside(model, "gates", lambda: mask_gated_outputs(model), inputs, batch_size)
    return mask_gated_reading(model, read, inputs)


def mask_gated_outputs(model: Any) -> dict[str, Any]:
    """What a mask-gated fusion is read from, tensors of the model."""
    return {"fused": model.fused, "gates": {m: dict(g) for m, g in model.gates.items()}}


def mask_gated_reading(
    model: Any, read: Mapping[str, Any], inputs: Mapping[str, Any]
) -> FusionReading:
    """The reading of the values of `mask_gated_outputs`."""
    fused = np.asarray(read["fused"], "float64")
    modalities = model.fusion.modalities
    parts = np.split(fused, len(modalities), axis=-1)
    hidden = model.hidden_layer
    kernel = ops.convert_to_numpy(hidden.kernel).astype("float64")
    if hidden.quantization_mode == "int8":
        kernel /= ops.convert_to_numpy(hidden.kernel_scale)
    kernels = np.split(kernel, len(modalities))
    added = {
        m: np.linalg.norm(part @ weights, axis=-1)
        for m, part, weights in zip(modalities, parts, kernels, strict=True)
    }
    there = {m: _there(inputs, m, len(fused)) for m in modalities}
    gates = {
        m: {
            name: np.where(there[m][:, None], np.asarray(x, "float64"), 0.0)
            for name, x in read["gates"][m].items()
        }
        for m in modalities
    }
    openness = {
        m: np.prod(list(factors.values()), axis=0).mean(axis=-1) if factors else 1.0 * there[m]
        for m, factors in gates.items()
    }
    return FusionReading(parts_of_sum(added), openness, gates)


def _cross_modal(model: MCIHN, inputs: Mapping[str, Any], batch_size: int) -> FusionReading:
    def tensors() -> Any:
        return {"codes": dict(model.codes), "there": dict(model.there)}

    def weights(given: Any) -> list[dict[str, Any]]:
        found = []
        for gate in model.gates:
            codes, there = (
                {m: given[name][m] for m in gate.transform} for name in ("codes", "there")
            )
            found.append(gate(codes, present=there, return_gates=True)[1])
        return found

    given = tensors_inside(model, "gates", tensors, inputs, batch_size)
    gates: Gates = {m: {} for m in model.autoencoders}
    for pair in called_anew(weights, given, batch_size):
        for m, other in (tuple(pair), tuple(pair)[::-1]):
            gates[m][other] = pair[m]
    openness = {m: np.mean(list(own.values()), axis=(0, 2)) for m, own in gates.items()}
    shares = shares_by_hiding(model, inputs, batch_size)
    return FusionReading(shares, openness, gates, kind="cross-modal")


def _joint(model: MSRG, inputs: Mapping[str, Any], batch_size: int) -> FusionReading:
    def tensors() -> Any:
        encoded = {"sequences": dict(model.sequences), "masks": dict(model.visible)}
        return {**encoded, "joined": model.joined, "anywhere": model.anywhere}

    def passed(given: Any) -> Any:
        _, steps = model.gating(given["joined"], mask=given["anywhere"], return_gates=True)
        if model.pooling is None:
            return {"steps": steps, "joint": {}}
        return {"steps": steps, "joint": model.pooling.pool(given["sequences"], given["masks"])[1]}

    given = tensors_inside(model, "gates", tensors, inputs, batch_size)
    read = called_anew(passed, given, batch_size)
    openness = {m: read["joint"][m] for m in model.encoders if m in read["joint"]}
    gates = {m: {"joint": weight} for m, weight in openness.items()}
    shares = shares_by_hiding(model, inputs, batch_size)
    return FusionReading(shares, openness, gates, read["steps"], "joint")


def _there(inputs: Mapping[str, Any], modality: str, rows: int) -> Any:
    mask = inputs.get(f"{modality}_mask")
    return np.ones(rows, bool) if mask is None else np.any(np.asarray(mask), axis=-1)
