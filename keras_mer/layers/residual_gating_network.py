"""The residual gating network of MSRG, which reads a whole sequence at once."""

from typing import Any, Literal

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers import _backend
from keras_mer.layers._masking import zero_masked
from keras_mer.layers._precision import wide
from keras_mer.layers._weighted import TellingLayer, built
from keras_mer.layers.residual_gating_cell import ResidualGatingCell

DIRECTIONS = {
    "forward": ("forward",),
    "backward": ("backward",),
    "both": ("forward", "backward"),
}
MERGES = ("sum", "concat")


@keras.saving.register_keras_serializable(package="keras_mer")
class ResidualGatingNetwork(TellingLayer):
    """A recurrent layer of `ResidualGatingCell`s whose gates are made for all steps at once.

    The cell's gates do not see its state, so a step is the map

        s -> max(m s + b, low),  b = u + low,  low = ReLU(W_5 x)

    of each element by itself, and maps s -> min(max(m s + b, low), high) are closed
    under composition. All states follow from one associative scan, whose depth is the
    logarithm of the number of steps; on a CPU, from a loop over this map alone, the gates of
    all steps having been made at once. The numbers are those of
    `keras.layers.RNN(ResidualGatingCell(units))` from a state of zeros.

    Args:
        units: size of the state.
        direction: `"forward"`, `"backward"`, or `"both"` with weights of their own.
        merge: whether both directions are added (`"sum"`) or joined (`"concat"`).
        return_sequences: whether to return the states of all steps, or only the last of
            each direction.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        sequence: (batch, time, dim) float. Rows are right-padded.
        mask: (batch, time) bool, True at a real step; `None` means that all are real.
        return_gates: whether to return the gates beside the states.

    Output:
        (batch, width): the last states, the forward one after the last real step, the
        backward one after the first. With `return_sequences=True` (batch, time, width),
        in the order of time, zeros at masked steps. The width is `units`, or `2 * units`
        where two directions are joined. A row without a real step gives zeros.
        With `return_gates` a tuple of that and a dict {direction: {"remember": m, from -1 to 1,
        "learn": sigmoid(W_3 x + b_3), from 0 to 1}}, each (batch, time, units) in the order of
        time, zeros at masked steps: how much of the state before stays, and how much of what a
        step has to tell is taken in.

    Raises:
        ValueError: if the direction or the merge is none of those named.

    Example:

    >>> import numpy as np
    >>> layer = ResidualGatingNetwork(8)
    >>> sequence = np.ones((2, 5, 3), "float32")
    >>> mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], "bool")
    >>> tuple(layer(sequence, mask=mask).shape)
    (2, 8)

    Reference:
        Wang et al., Neural Networks 188, 2025, 107483. The released code draws the first
        state at random on every call; here it is zero.
    """

    def __init__(
        self,
        units: int,
        direction: Literal["forward", "backward", "both"] = "both",
        merge: Literal["sum", "concat"] = "sum",
        return_sequences: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"ResidualGatingNetwork needs units of 1 or more; received {units}")
        if direction not in DIRECTIONS:
            raise ValueError(
                f"ResidualGatingNetwork knows the directions {', '.join(DIRECTIONS)}; "
                f"received {direction!r}"
            )
        if merge not in MERGES:
            raise ValueError(
                f"ResidualGatingNetwork knows the merges {', '.join(MERGES)}; received {merge!r}"
            )
        self.units = units
        self.direction = direction
        self.merge = merge
        self.return_sequences = return_sequences

    tells = "return_gates"

    def build(self, input_shape: Shape) -> None:
        """Builds one cell per direction for (batch, time, dim)."""
        step = (input_shape[0], input_shape[-1])
        options = {**self.weight_options(), "dtype": self.dtype_policy}
        self.cells = {
            d: built(ResidualGatingCell(self.units, name=f"{d}_cell", **options), step)
            for d in DIRECTIONS[self.direction]
        }
        self.built = True

    def call(self, sequence: Tensor, mask: Tensor | None = None, return_gates: bool = False) -> Any:
        """Returns the states; see the class."""
        states = self._output(self.states(sequence, mask), mask)
        return (states, self._gates(sequence, mask)) if return_gates else states

    def _output(self, states: dict[str, Tensor], mask: Tensor | None) -> Tensor:
        if not self.return_sequences:
            # A masked step keeps the state, so the last state stands at the very end.
            ends = {"forward": -1, "backward": 0}
            return self._merged([s[:, ends[d]] for d, s in states.items()])
        return zero_masked(self._merged(list(states.values())), mask)

    def _gates(self, sequence: Tensor, mask: Tensor | None) -> dict[str, dict[str, Tensor]]:
        """What `return_gates` asks for."""
        sequence = zero_masked(sequence, mask)
        found = {}
        for direction, cell in self.cells.items():
            m, learn, _, _ = cell.parts(sequence)
            named = {"remember": m, "learn": learn}
            found[direction] = {name: zero_masked(gate, mask) for name, gate in named.items()}
        return found

    def states(self, sequence: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The states of each direction, (batch, time, units) in the order of time.

        A masked step holds the state that the direction came with.
        """
        sequence = zero_masked(sequence, mask)
        directions = []
        for direction, cell in self.cells.items():
            m, u, residual = (wide(gate) for gate in cell.gates(sequence))
            if mask is not None:
                real = ops.expand_dims(mask, -1)
                m = ops.where(real, m, 1)
                u, residual = (ops.where(real, gate, 0) for gate in (u, residual))
            time_first = (ops.transpose(gate, (1, 0, 2)) for gate in (m, u, residual))
            directions.append([_turned(gate, direction) for gate in time_first])
        gates = [
            ops.stack(of_directions, axis=1) for of_directions in zip(*directions, strict=True)
        ]
        states = ops.cast(_gated_states(*gates), sequence.dtype)
        return {
            d: ops.transpose(_turned(states[:, i], d), (1, 0, 2)) for i, d in enumerate(self.cells)
        }

    def _merged(self, states: list[Tensor]) -> Tensor:
        if self.merge == "concat":
            return ops.concatenate(states, axis=-1)
        return sum(states[1:], states[0])

    def compute_mask(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Passes the mask on with the sequence."""
        return mask if self.return_sequences else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, width), or (batch, time, width) for the states of all steps."""
        joined = len(DIRECTIONS[self.direction]) if self.merge == "concat" else 1
        leading = input_shape[:-1] if self.return_sequences else input_shape[:1]
        return (*leading, joined * self.units)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "direction": self.direction,
            "merge": self.merge,
            "return_sequences": self.return_sequences,
        }


def _turned(x: Tensor, direction: str) -> Tensor:
    return ops.flip(x, axis=0) if direction == "backward" else x


def _gated_states(m: Tensor, u: Tensor, residual: Tensor) -> Tensor:
    """s_t = residual_t + max(0, m_t s_(t-1) + u_t) along the first axis, from s = 0.

    The states decide which steps pass their maximum on. Those that do form a linear
    recurrence, and gradients go through it alone: in the scan of clamped maps, a bound
    and the value that it bounds tie wherever m is 0, and a gradient could take either.
    """
    if _backend.loop_pays():
        return _backend.gated_loop(m, u, residual)
    states = _clamped_scan(*(ops.stop_gradient(gate) for gate in (m, u, residual)))
    before = ops.concatenate([ops.zeros_like(states[:1]), states[:-1]], axis=0)
    passes = ops.cast(ops.stop_gradient(m * before + u) > 0, m.dtype)
    return _backend.associative_scan(_after, (passes * m, passes * u + residual))[1]


def _after(first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The map s -> m s + b of `second` after that of `first`."""
    return second[0] * first[0], second[0] * first[1] + second[1]


def _clamped_scan(m: Tensor, u: Tensor, residual: Tensor) -> Tensor:
    """The states themselves, from maps s -> min(max(m s + b, low), high).

    In place of infinity, which a product with m = 0 would turn into NaN, `high` starts
    above anything that a state can reach: no |m| is above 1.
    """
    high = ops.sum(residual + ops.relu(u), axis=0, keepdims=True) + 1
    maps = (m, u + residual, residual, ops.zeros_like(residual) + high)
    _, b, low, high = _backend.associative_scan(_clamped_after, maps)
    return ops.minimum(ops.maximum(b, low), high)


def _clamped_after(first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The clamped map of `second` after that of `first`; a negative m swaps the bounds."""
    m, b, low, high = second
    ends = m * first[2] + b, m * first[3] + b
    bounds = (ops.minimum(*ends), ops.maximum(*ends))
    clamped = (ops.minimum(ops.maximum(bound, low), high) for bound in bounds)
    return m * first[0], m * first[1] + b, *clamped
