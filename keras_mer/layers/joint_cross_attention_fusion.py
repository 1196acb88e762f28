"""Joint cross-attention: every modality looks at a joint feature of all."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Shapes, Tensor, Tensors
from keras_mer.layers._masking import union, zero_masked
from keras_mer.layers._modalities import check_modalities, check_same_modalities, in_order
from keras_mer.layers._weighted import TellingLayer


@keras.saving.register_keras_serializable(package="keras_mer")
class JointCrossAttentionFusion(TellingLayer):
    """Adds to each modality what its features have in common with a joint feature.

    With X_m (T, d) the steps of modality m, the joint feature G, and maps without bias:

        J_m = [X_m ; G]                                      (T, d_J)
        C_m = tanh( X_m^T (W_joint J_m) / sqrt(d_J) )        (d, d_J)
        H_m = ReLU( C_m W_corr + X_m^T W_self )              (d, units)
        output_m = (H_m W_out)^T + X_m                       (T, d)

    Called without G, the joint is J = [X_1 ; X_2 ; ...] for every modality. W_joint,
    W_self and W_out act along time, so the number of steps is fixed once the layer is
    built: bring sequences to it with `MaskedResampling1D`.

    Args:
        units: width of H.
        steps: the number of steps T; `None` takes it from the first inputs.
        joint_of: whose joint J_n a modality m uses in place of its own, as a dict
            {m: n}. `{"video": "audio"}` is what the released code of MSRG does.
        **kwargs: initializers, regularizers and constraints of the kernels, named as in
            `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        inputs: a dict of two or more modalities, each (batch, steps, dim) float; the dims
            may differ.
        joint: an optional joint feature G, (batch, steps, joint_dim) float.
        masks: an optional dict of bool masks (batch, steps), True at a real step. The
            steps of G are those at which any modality is real.
        return_correlations: whether to return C beside the output.

    Output:
        A dict of the inputs' shapes, zeros at masked steps. With `return_correlations` a tuple of
        it and a dict {modality: C_m}, each (batch, dim, d_J), from -1 to 1: how the features of
        a modality go with those of its joint over the real steps, as learned; zeros for a
        missing one.

    Raises:
        ValueError: if the inputs are not a dict of two or more modalities, if the number
            of steps is unknown or not the same for all, or if `joint_of` names a
            modality that is not there.

    Example:

    >>> import numpy as np
    >>> inputs = {"audio": np.ones((2, 5, 8), "float32"), "video": np.ones((2, 5, 6), "float32")}
    >>> fused = JointCrossAttentionFusion(units=4)(inputs)
    >>> tuple(fused["video"].shape)
    (2, 5, 6)

    Reference:
        Praveen et al., A joint cross-attention model for audio-visual fusion, CVPR
        workshops 2022; with the joint feature of `AdaptiveMultimodalLinearPooling`, Wang
        et al., Neural Networks 188, 2025, 107483, JCAF.
    """

    def __init__(
        self,
        units: int = 32,
        steps: int | None = None,
        joint_of: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(
                f"JointCrossAttentionFusion needs units of 1 or more; received {units}"
            )
        self.units = units
        self.steps = steps
        self.joint_of = dict(joint_of or {})

    tells = "return_correlations"

    def build(self, inputs_shape: Shapes, joint_shape: Shape | None = None) -> None:
        """Builds four maps per modality."""
        check_modalities(inputs_shape, "JointCrossAttentionFusion")
        shapes = in_order(inputs_shape)
        self.modalities = list(shapes)
        self._check_joint_of()
        time = self._time(shapes)
        self.maps = {}
        for m, shape in shapes.items():
            dim = shape[-1]
            in_joint = list(shapes.values())
            if joint_shape is not None:
                in_joint = [shapes[self.joint_of.get(m, m)], joint_shape]
            width = sum(int(s[-1] or 0) for s in in_joint)
            self.maps[m] = {
                "joint": self._map(f"{m}_joint", time, (None, width, time)),
                "corr": self._map(f"{m}_corr", self.units, (None, dim, width)),
                "self": self._map(f"{m}_self", self.units, (None, dim, time)),
                "out": self._map(f"{m}_out", time, (None, dim, self.units)),
            }
        self.built = True

    def _map(self, name: str, units: int, shape: Shape) -> Any:
        return self.built_dense(name, units, shape, use_bias=False)

    def _check_joint_of(self) -> None:
        unknown = {*self.joint_of, *self.joint_of.values()} - set(self.modalities)
        if unknown:
            raise ValueError(
                f"JointCrossAttentionFusion was given joint_of={self.joint_of}, but the "
                f"modalities are {', '.join(self.modalities)}"
            )

    def _time(self, shapes: Shapes) -> int:
        """The one number of steps of all modalities."""
        received = {self.steps, *(shape[1] for shape in shapes.values())} - {None}
        if len(received) != 1:
            found = ", ".join(f"{m} {tuple(s)}" for m, s in shapes.items())
            raise ValueError(
                "JointCrossAttentionFusion has weights along time and expects one fixed number "
                f"of steps, here {self.steps or 'that of its inputs'}; received {found}. Bring "
                "every modality to it with MaskedResampling1D(steps)"
            )
        return received.pop()

    def call(
        self,
        inputs: Tensors,
        joint: Tensor | None = None,
        masks: Tensors | None = None,
        return_correlations: bool = False,
    ) -> Any:
        """Returns the modalities with what they have in common; see the class."""
        check_modalities(inputs, "JointCrossAttentionFusion")
        check_same_modalities(inputs, self.modalities, "JointCrossAttentionFusion")
        masks = {m: (masks or {}).get(m) for m in self.modalities}
        rows = {m: zero_masked(inputs[m], masks[m]) for m in self.modalities}
        if joint is not None:
            joint = zero_masked(joint, union(masks.values()))
            joints = {m: ops.concatenate([x, joint], axis=-1) for m, x in rows.items()}
        else:
            joints = dict.fromkeys(rows, ops.concatenate(list(rows.values()), axis=-1))
        common = {
            m: self._correlation(m, x, joints[self.joint_of.get(m, m)]) for m, x in rows.items()
        }
        fused = {m: zero_masked(self._fused(m, x, common[m]), masks[m]) for m, x in rows.items()}
        return (fused, common) if return_correlations else fused

    def _correlation(self, modality: str, x: Tensor, joint: Tensor) -> Tensor:
        seen = _turned(self.maps[modality]["joint"](_turned(joint)))
        return ops.tanh(ops.matmul(_turned(x), seen) / joint.shape[-1] ** 0.5)

    def _fused(self, modality: str, x: Tensor, common: Tensor) -> Tensor:
        maps = self.maps[modality]
        features = _turned(x)
        hidden = ops.relu(maps["corr"](common) + maps["self"](features))
        return _turned(maps["out"](hidden)) + x

    def compute_output_shape(
        self, inputs_shape: Shapes, joint_shape: Shape | None = None
    ) -> dict[str, Shape]:
        """The shapes of the inputs."""
        return {m: tuple(s) for m, s in in_order(inputs_shape).items()}

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "steps": self.steps,
            "joint_of": self.joint_of,
        }


def _turned(x: Tensor) -> Tensor:
    return ops.transpose(x, (0, 2, 1))
