"""The one file that asks which backend Keras runs on, and only where a measured gain pays.

`benchmarks/recurrent.py` measures the gain; `tests/layers/test_bidirectional_lstm.py`
holds every branch to the numbers of Keras's own masked layer.
"""

import keras
from keras import ops

from keras_mer._types import Tensor

Weights = tuple[Tensor, Tensor, Tensor]
"""Kernel (dim, 4 * units), recurrent kernel (units, 4 * units), bias (4 * units,)."""


def lstm(x: Tensor, weights: Weights) -> Tensor:
    """Runs an LSTM over rows, forwards. Right-padded rows need no mask: their padding is last.

    Args:
        x: (batch, time, dim), finite at padded steps too.
        weights: its weights, gates in the order i, f, c, o.

    Returns:
        The states (batch, time, units). What stands at a padded step has no meaning.
    """
    if keras.backend.backend() == "torch":
        return _torch_run(x, weights)
    kernel, recurrent, bias = weights
    gates = ops.matmul(ops.transpose(x, (1, 0, 2)), kernel) + bias
    zero = ops.zeros_like(gates[0, :, : recurrent.shape[0]])
    return ops.transpose(_scan(_lstm_step(recurrent), zero, gates, None), (1, 0, 2))


def bidirectional_lstm(
    x: Tensor, mask: Tensor | None, forward: Weights, backward: Weights
) -> tuple[Tensor, Tensor]:
    """Runs an LSTM over right-padded rows in both directions.

    Args:
        x: (batch, time, dim), finite at masked steps too.
        mask: (batch, time) bool, or `None` when every step is real.
        forward: weights of the forward direction, gates in the order i, f, c, o.
        backward: weights of the backward direction.

    Returns:
        The forward and the backward states, each (batch, time, units) in the order of
        time. What stands at a masked step has no meaning.
    """
    if keras.backend.backend() == "torch":
        return _torch_lstm(x, mask, forward, backward)
    return _scanned_lstm(x, mask, forward, backward)


def _scanned_lstm(
    x: Tensor, mask: Tensor | None, forward: Weights, backward: Weights
) -> tuple[Tensor, Tensor]:
    """One scan for both directions, with the input projections taken out of it.

    The backward direction meets the padding first: holding its state at zero there
    makes it start afresh at the last real step, so no row is reversed by its own length.
    """
    units = forward[1].shape[0]
    time_first = ops.transpose(x, (1, 0, 2))
    gates = ops.stack(
        [
            ops.matmul(time_first, forward[0]) + forward[2],
            ops.flip(ops.matmul(time_first, backward[0]) + backward[2], axis=0),
        ],
        axis=1,
    )
    recurrent = ops.stack([forward[1], backward[1]])

    keep = None
    if mask is not None:
        real = ops.expand_dims(ops.cast(ops.transpose(mask), x.dtype), -1)
        keep = ops.stack([ops.ones_like(real), ops.flip(real, axis=0)], axis=1)
    zero = ops.zeros_like(gates[0, :, :, :units])
    states = ops.transpose(_scan(_lstm_step(recurrent), zero, gates, keep), (1, 2, 0, 3))
    return states[0], ops.flip(states[1], axis=1)


def _lstm_step(recurrent: Tensor):  # type: ignore[no-untyped-def]
    """One step of an LSTM whose input projections are given."""

    def step(state: tuple[Tensor, Tensor], inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, c = state
        gates_t, keep = inputs
        i, f, g, o = ops.split(gates_t + ops.matmul(h, recurrent), 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        if keep is not None:
            h, c = h * keep, c * keep
        return h, c

    return step


def _scan(step, zero: Tensor, gates: Tensor, keep: Tensor | None) -> Tensor:  # type: ignore[no-untyped-def]
    """The states h of `step` along the first axis of `gates` and `keep`."""
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_scan(step, zero, gates, keep)

    def body(state: tuple[Tensor, Tensor], inputs: tuple[Tensor, Tensor]):  # type: ignore[no-untyped-def]
        state = step(state, inputs)
        return state, state[0]

    return ops.scan(body, (zero, zero), (gates, keep))[1]


def _tensorflow_scan(step, zero: Tensor, gates: Tensor, keep: Tensor | None) -> Tensor:  # type: ignore[no-untyped-def]
    """`ops.scan` gives TensorFlow's loop no bound, without which XLA refuses it."""
    import tensorflow as tf

    steps = gates.shape[0] or tf.shape(gates)[0]
    read = tf.TensorArray(gates.dtype, steps).unstack(gates).read
    kept = None if keep is None else tf.TensorArray(keep.dtype, steps).unstack(keep)
    written = tf.TensorArray(gates.dtype, steps, element_shape=zero.shape)

    def body(t, h, c, written):  # type: ignore[no-untyped-def]
        h, c = step((h, c), (read(t), kept and kept.read(t)))
        return t + 1, h, c, written.write(t, h)

    loop = tf.while_loop(
        lambda t, *_: t < steps, body, (0, zero, zero, written), maximum_iterations=steps
    )
    return loop[-1].stack()


def _torch_run(x: Tensor, weights: Weights) -> Tensor:
    """Torch's own fused LSTM, forwards."""
    import torch

    kernel, recurrent, bias = weights
    flat = [kernel.t().contiguous(), recurrent.t().contiguous(), bias, torch.zeros_like(bias)]
    zero = x.new_zeros(1, x.shape[0], recurrent.shape[0])
    # The flags: has_biases, num_layers, dropout, train, bidirectional, batch_first.
    flags = (True, 1, 0.0, torch.is_grad_enabled(), False, True)
    return torch.lstm(x, (zero, zero), flat, *flags)[0]


def _torch_lstm(
    x: Tensor, mask: Tensor | None, forward: Weights, backward: Weights
) -> tuple[Tensor, Tensor]:
    """Torch's own LSTM takes no mask, so the backward rows are turned around."""

    order = None if mask is None else _turned_around(mask)
    read = _torch_run(_take_steps(x, order), backward)
    return _torch_run(x, forward), _take_steps(read, order)


def _turned_around(mask: Tensor) -> Tensor:
    """(batch, time) int: the steps of each row in reverse, its padding left in place."""
    import torch

    time = torch.arange(mask.shape[1], device=mask.device)
    return torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - time, time)


def _take_steps(x: Tensor, order: Tensor | None) -> Tensor:
    if order is None:
        return x.flip(1)
    return x.gather(1, order.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
