"""The one file that asks which backend Keras runs on, and only where a measured gain pays.

`benchmarks/recurrent.py` and `benchmarks/residual_gating.py` measure the gain;
`tests/layers/test_recurrent.py` and `tests/layers/test_residual_gating_network.py` hold every
branch to the numbers of Keras's own layers.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

import keras
from keras import ops

from keras_mer._types import Tensor

Kind = Literal["lstm", "gru"]

GATES: dict[Kind, int] = {"lstm": 4, "gru": 3}
"""How many times `units` wide a kernel is: i, f, c, o of an LSTM; z, r, h of a GRU."""

Weights = tuple[Tensor, Tensor, Tensor]
"""Kernel (dim, gates * units), recurrent kernel (units, gates * units), and the bias:
(gates * units,) of an LSTM, (2, gates * units) of a GRU that resets after its product."""

States = tuple[Tensor, ...]


def recurrent(
    kind: Kind, x: Tensor, mask: Tensor | None, directions: Sequence[Weights]
) -> list[Tensor]:
    """Runs a recurrent layer over right-padded rows, forwards or in both directions.

    Args:
        kind: which recurrent layer.
        x: (batch, time, dim), finite at masked steps too.
        mask: (batch, time) bool, or `None` when every step is real.
        directions: the weights of the forward direction and, if it is read backwards as
            well, those of the backward direction.

    Returns:
        The states of each direction, (batch, time, units) in the order of time. What
        stands at a masked step has no meaning.
    """
    if keras.backend.backend() == "torch" and not _torch_exports():
        return _torch_recurrent(kind, x, mask, directions)
    return _scanned(kind, x, mask, directions)


def _scanned(
    kind: Kind, x: Tensor, mask: Tensor | None, directions: Sequence[Weights]
) -> list[Tensor]:
    """One scan for all directions, with the input projections taken out of it.

    The backward direction meets the padding first: holding its state at zero there
    makes it start afresh at the last real step, so no row is reversed by its own length.
    """
    inputs = ops.transpose(x, (1, 0, 2))
    projected = []
    for (kernel, _, bias), turn in zip(directions, (_as_is, _turned), strict=False):
        bias = bias if kind == "lstm" else bias[0]
        projected.append(turn(ops.matmul(inputs, kernel) + bias))
    gates = ops.stack(projected, axis=1)
    keep = None
    if mask is not None and len(directions) == 2:
        real = ops.expand_dims(ops.cast(ops.transpose(mask), x.dtype), -1)
        keep = ops.stack([ops.ones_like(real), _turned(real)], axis=1)
    kernel = ops.stack([weights[1] for weights in directions])
    if kind == "lstm":
        step, count = _lstm_step(kernel), 2
    else:
        bias = ops.stack([weights[2][1:] for weights in directions])
        step, count = _gru_step(kernel, bias), 1
    zero = ops.zeros_like(gates[0, :, :, : kernel.shape[1]])
    states = ops.transpose(_scan(step, (zero,) * count, gates, keep), (1, 2, 0, 3))
    return [states[i] if i == 0 else ops.flip(states[i], axis=1) for i in range(len(directions))]


def _as_is(x: Tensor) -> Tensor:
    return x


def _turned(x: Tensor) -> Tensor:
    return ops.flip(x, axis=0)


def _lstm_step(kernel: Tensor) -> Callable[[States, Tensor], States]:
    def step(state: States, gates: Tensor) -> States:
        h, c = state
        i, f, g, o = ops.split(gates + ops.matmul(h, kernel), 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(c), c

    return step


def _gru_step(kernel: Tensor, bias: Tensor) -> Callable[[States, Tensor], States]:
    def step(state: States, gates: Tensor) -> States:
        (h,) = state
        z, r, g = ops.split(gates, 3, axis=-1)
        z_h, r_h, g_h = ops.split(ops.matmul(h, kernel) + bias, 3, axis=-1)
        z = ops.sigmoid(z + z_h)
        g = ops.tanh(g + ops.sigmoid(r + r_h) * g_h)
        return (z * h + (1 - z) * g,)

    return step


def _scan(
    step: Callable[[States, Tensor], States], start: States, gates: Tensor, keep: Tensor | None
) -> Tensor:
    """The states h of `step` along the first axis of `gates`; zeros where `keep` is zero."""

    def kept_step(state: States, gates_t: Tensor, keep_t: Tensor | None) -> States:
        state = step(state, gates_t)
        return state if keep_t is None else tuple(s * keep_t for s in state)

    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow_scan(kept_step, start, gates, keep)
    if backend == "torch":
        return _torch_scan(kept_step, start, gates, keep)

    def body(state: States, inputs: tuple[Tensor, Tensor]) -> tuple[States, Tensor]:
        state = kept_step(state, *inputs)
        return state, state[0]

    return ops.scan(body, start, (gates, keep))[1]


def _tensorflow_scan(
    step: Callable[..., States], start: States, gates: Tensor, keep: Tensor | None
) -> Tensor:
    """`ops.scan` gives TensorFlow's loop no bound, without which XLA refuses it."""
    import tensorflow as tf

    steps = gates.shape[0] or tf.shape(gates)[0]
    read = tf.TensorArray(gates.dtype, steps).unstack(gates).read
    kept = None if keep is None else tf.TensorArray(keep.dtype, steps).unstack(keep)
    written = tf.TensorArray(gates.dtype, steps, element_shape=start[0].shape)

    def body(t, written, *state):  # type: ignore[no-untyped-def]
        state = step(state, read(t), kept and kept.read(t))
        return t + 1, written.write(t, state[0]), *state

    loop = tf.while_loop(
        lambda t, *_: t < steps, body, (0, written, *start), maximum_iterations=steps
    )
    return loop[1].stack()


def _torch_scan(
    step: Callable[..., States], start: States, gates: Tensor, keep: Tensor | None
) -> Tensor:
    """A loop that `torch.export` keeps as one, so that what it writes takes any length."""
    from torch._higher_order_ops.scan import scan

    def body(state: list[Tensor], inputs: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        state = list(step(tuple(state), inputs[0], inputs[1] if len(inputs) > 1 else None))
        return state, state[0].clone()

    # Neither the states nor what goes out may share memory.
    inputs = [gates] if keep is None else [gates, keep]
    return scan(body, [s.clone() for s in start], inputs, dim=0)[1]


def _torch_exports() -> bool:
    """Whether `torch.export` traces this; it would unroll the fused layers step by step."""
    import torch

    asked = getattr(torch.compiler, "is_exporting", None)  # new in PyTorch 2.7
    return asked is not None and asked()


def _torch_recurrent(
    kind: Kind, x: Tensor, mask: Tensor | None, directions: Sequence[Weights]
) -> list[Tensor]:
    """Torch's own fused layers. They take no mask, so the backward rows are turned around."""
    run = _torch_lstm if kind == "lstm" else _torch_gru
    states = [run(x, directions[0])]
    if len(directions) == 2:
        order = None if mask is None else _turned_around(mask)
        states.append(_take_steps(run(_take_steps(x, order), directions[1]), order))
    return states


def _torch_lstm(x: Tensor, weights: Weights) -> Tensor:
    import torch

    kernel, recurrent, bias = weights
    flat = [kernel.t().contiguous(), recurrent.t().contiguous(), bias, torch.zeros_like(bias)]
    zero = x.new_zeros(1, x.shape[0], recurrent.shape[0])
    return torch.lstm(x, (zero, zero), flat, *_torch_flags())[0]


def _torch_gru(x: Tensor, weights: Weights) -> Tensor:
    """Keras orders the gates z, r, h; torch r, z, h."""
    import torch

    kernel, recurrent, bias = weights
    rows = torch.cat([kernel, recurrent, bias]).t()
    z, r, h = rows.chunk(3)
    rows = torch.cat([r, z, h])
    sizes = [kernel.shape[0], recurrent.shape[0], 1, 1]
    kernel, recurrent, bias, recurrent_bias = rows.split(sizes, dim=1)
    flat = [kernel, recurrent, bias.squeeze(1), recurrent_bias.squeeze(1)]
    zero = x.new_zeros(1, x.shape[0], recurrent.shape[1])
    return torch.gru(x, zero, [w.contiguous() for w in flat], *_torch_flags())[0]


def _torch_flags() -> tuple[Any, ...]:
    """has_biases, num_layers, dropout, train, bidirectional, batch_first."""
    import torch

    return (True, 1, 0.0, torch.is_grad_enabled(), False, True)


def _turned_around(mask: Tensor) -> Tensor:
    """(batch, time) int: the steps of each row in reverse, its padding left in place."""
    import torch

    time = torch.arange(mask.shape[1], device=mask.device)
    return torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - time, time)


def _take_steps(x: Tensor, order: Tensor | None) -> Tensor:
    if order is None:
        return x.flip(1)
    return x.gather(1, order.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


def zero_where_not(mask: Tensor, x: Tensor) -> Tensor:
    """`x` (..., dim) with zeros where `mask` (...) is False.

    On torch without Keras's own layer in between, which costs more than a short row: models
    do this some eighty times.
    """
    if keras.backend.backend() == "torch":
        import torch

        if isinstance(x, torch.Tensor) and isinstance(mask, torch.Tensor):
            return torch.where(mask.unsqueeze(-1), x, 0.0)
    return ops.where(ops.expand_dims(mask, -1), x, ops.zeros((), dtype=x.dtype))


def associative_scan(combine: Callable[[States, States], States], elements: States) -> States:
    """`keras.ops.associative_scan` along the first axis, wherever and however long.

    Keras's own, on PyTorch, makes its buffers on the default device, and on TensorFlow
    leaves branches in the graph that XLA refuses.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        with elements[0].device:
            return ops.associative_scan(combine, elements)
    if backend == "tensorflow":
        return _tensorflow_associative_scan(combine, elements)
    return ops.associative_scan(combine, elements)


def _tensorflow_associative_scan(
    combine: Callable[[States, States], States], elements: States
) -> States:
    """Combines each step with the one 1, 2, 4, ... before it, until that is the first."""
    import tensorflow as tf

    def body(shift, *elements):  # type: ignore[no-untyped-def]
        combined = combine(tuple(e[:-shift] for e in elements), tuple(e[shift:] for e in elements))
        pairs = zip(elements, combined, strict=True)
        return 2 * shift, *(tf.concat([e[:shift], c], 0) for e, c in pairs)

    shift, time = 1, elements[0].shape[0]
    if time is None:
        length = tf.shape(elements[0])[0]
        return tf.while_loop(
            lambda shift, *_: shift < length, body, (shift, *elements), maximum_iterations=31
        )[1:]
    while shift < time:
        shift, *elements = body(shift, *elements)
    return tuple(elements)


def loop_pays() -> bool:
    """Whether a loop over cheap steps beats an associative scan: on a CPU, which has no use
    for the scan's width. A program that is traced would hold every step of torch's loop.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
        return not traced and not _torch_accelerator()
    if backend == "jax":
        import jax

        return jax.default_backend() == "cpu"
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


@lru_cache(maxsize=1)
def _torch_accelerator() -> bool:
    """Asked for at every call of a layer, so looked for once."""
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def gated_loop(m: Tensor, u: Tensor, residual: Tensor) -> Tensor:
    """s_t = residual_t + max(0, m_t s_(t-1) + u_t) along the first axis, from s = 0, in turn."""
    if keras.backend.backend() == "torch":
        return _torch_gated_loop()(m, u, residual)

    def step(state: States, gates: Tensor) -> States:
        m_t, u_t, residual_t = ops.split(gates, 3, axis=-1)
        return (residual_t + ops.relu(m_t * state[0] + u_t),)

    return _scan(step, (ops.zeros_like(u[0]),), ops.concatenate([m, u, residual], -1), None)


@lru_cache(maxsize=1)
def _torch_gated_loop() -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The loop as one node for autograd, in place of several per step."""
    import torch

    class Loop(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, m: Tensor, u: Tensor, residual: Tensor) -> Tensor:
            # A step is max(m s + (u + residual), residual): two operations, and no new tensor.
            states = u.new_empty((len(u) + 1, *u.shape[1:]))
            states[0] = 0
            state, *later = states.unbind()
            gates = (gate.unbind() for gate in (m, u + residual, residual))
            for m_t, b_t, low_t, out in zip(*gates, later, strict=True):
                state = torch.maximum(torch.addcmul(b_t, m_t, state), low_t, out=out)
            ctx.save_for_backward(m, u, states)
            return states[1:]

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            m, u, states = ctx.saved_tensors
            before = states[:-1]
            passes = (torch.addcmul(u, m, before) > 0).to(m.dtype)
            passed = (passes * m).unbind()
            total = gradient.clone()
            rows = total.unbind()
            for t in range(len(rows) - 2, -1, -1):
                rows[t].addcmul_(passed[t + 1], rows[t + 1])
            through = total * passes
            return through * before, through, total

    return Loop.apply
