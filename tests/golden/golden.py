"""Parity with reference numbers, case by case.

The folder named by `KERAS_MER_GOLDEN` (by default `../shared/golden` beside the repository)
holds an `index.json` and one `.npz` per case: inputs, weights, outputs and gradients of a
published building block, in the layout of the framework they come from. A case names its
component; a runner computes the component with keras-mer, and `test_golden.py` compares all
that the case holds at the case's own tolerances.

To add a component, write a runner in the file of its family, `tests/golden/<family>.py`;
every file there that is not a test is found by itself:

    from golden import component, dense, norm, results

    @component("foal_projection")
    def projection(case):
        head = ProjectionHead(case.config["dim"])
        head.build(case.inputs["x"].shape)
        fill = [*dense(head.first, "lin_1"), *dense(head.second, "lin_2"), *norm(head.norm, "ln")]
        return results(case, lambda inputs, weights: {"out.y": head(inputs["x"])}, fill)

`fill` says how each Keras variable follows from the weights of the case: pairs of a variable
and a function of the dict of weights, which the helpers `dense`, `conv`, `norm`, `lstm` and
`gru` make. `results` loads them, calls `forward` for the outputs, and differentiates through
`fill`, so that gradients come out in the layout of the case. `forward` returns every `out.*`
of the case under its own name; what else it returns (`mid.*`) is compared if the case holds
it. A runner may also return plain arrays, with the gradients under `grad.*`; one that has
none says `@component(name, gradients=False)`.
"""

import importlib.util
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
from keras import ops

HERE = Path(__file__).parent
FOLDER = Path(os.environ.get("KERAS_MER_GOLDEN") or HERE.parents[1].parent / "shared" / "golden")

Fill = Iterable[tuple[keras.Variable, Callable[[Mapping], object]]]


@dataclass(frozen=True)
class Case:
    """One entry of the index and its arrays.

    Attributes:
        folder: where the file lies.
        entry: the entry of `index.json`.
    """

    folder: Path
    entry: dict

    @property
    def name(self) -> str:
        return Path(self.entry["file"]).stem

    @property
    def component(self) -> str:
        return self.entry["component"]

    @property
    def config(self) -> dict:
        return self.entry["config"]

    @property
    def behaviour(self) -> str:
        return self.entry["behaviour"]

    @property
    def objectives(self) -> dict[str, list[str]]:
        """What was differentiated: terms to be added, by the name of the set of gradients."""
        return self.entry.get("gradient_of") or {}

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """Every array by its full name."""
        with np.load(self.folder / self.entry["file"], allow_pickle=False) as file:
            return dict(file)

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        """The arrays `in.*` without the prefix."""
        return self.starting_with("in.")

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """The arrays `w.*` without the prefix."""
        return self.starting_with("w.")

    def starting_with(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays whose names start so, without the prefix."""
        return {
            name.removeprefix(prefix): array
            for name, array in self.arrays.items()
            if name.startswith(prefix)
        }

    def tolerance(self, name: str) -> tuple[float, float] | None:
        """`(atol, rtol)` of an array; `None` if it must agree exactly."""
        atol = self.entry["arrays"][name].get("atol")
        kind = "grad" if name.startswith("grad.") else "out"
        return None if atol is None else (atol, self.entry["rtol"][kind])


def cases() -> list[Case]:
    """Every case of the folder; none if the folder is absent."""
    index = FOLDER / "index.json"
    if not index.is_file():
        return []
    return [Case(FOLDER, entry) for entry in json.loads(index.read_text())["fixtures"]]


@dataclass(frozen=True)
class Runner:
    """What computes a component, and whether it gives gradients."""

    run: Callable[[Case], Mapping]
    gradients: bool


RUNNERS: dict[str, Runner] = {}


def component(name: str, gradients: bool = True) -> Callable:
    """Registers the decorated function as the runner of a component."""

    def register(run: Callable[[Case], Mapping]) -> Callable[[Case], Mapping]:
        if name in RUNNERS:
            raise ValueError(f"the component {name} has a runner already: {RUNNERS[name].run}")
        RUNNERS[name] = Runner(run, gradients)
        return run

    return register


def load_families() -> None:
    """Imports the files beside this one that hold runners."""
    for path in sorted(HERE.glob("*.py")):
        if path.stem not in ("golden", "conftest") and not path.stem.startswith("test_"):
            spec = importlib.util.spec_from_file_location(f"golden_{path.stem}", path)
            spec.loader.exec_module(importlib.util.module_from_spec(spec))


# Comparing


def compare(case: Case, found: Mapping, gradients: bool = True) -> tuple[float, list[str]]:
    """The largest deviation as a share of the tolerance, and a line per array beyond it."""
    kinds = ("out.", "grad.") if gradients else ("out.",)
    needed = {name for name in case.arrays if name.startswith(kinds)}
    extra = {name for name in found if name.startswith("mid.") and name in case.arrays}
    worst, failures = 0.0, []
    for name in sorted(needed | extra):
        if name not in found:
            share, line = np.inf, "the runner returned no such array"
        else:
            share, line = _deviation(found[name], case.arrays[name], case.tolerance(name))
        worst = max(worst, share)
        if not share <= 1:
            failures.append(f"{case.name}: {name}: {line}")
    return worst, failures


def _deviation(found, reference, tolerance) -> tuple[float, str]:
    """How far `found` is from `reference`, as a share of the tolerance and in words."""
    found = ops.convert_to_numpy(found) if ops.is_tensor(found) else np.asarray(found)
    if found.shape != reference.shape:
        return np.inf, f"shape {found.shape}, expected {reference.shape}"
    if tolerance is None:
        wrong = np.sum(found != reference)
        return (np.inf if wrong else 0.0), f"{wrong} of {reference.size} values differ"
    atol, rtol = tolerance
    difference = np.abs(found.astype(np.float64) - reference)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(difference == 0, 0.0, difference / (atol + rtol * np.abs(reference)))
    share = float(np.max(np.where(np.isnan(share), np.inf, share), initial=0.0))
    return share, f"{share:.3g} times the tolerance, off by up to {np.max(difference):.3g}"


# Running


def results(case: Case, forward: Callable[[Mapping, Mapping], Mapping], fill: Fill = ()) -> dict:
    """The outputs and gradients of a case.

    Args:
        case: the case.
        forward: takes the dicts of inputs and of weights, as tensors under their names in the
            case, and returns tensors under theirs (`out.*`, and `mid.*` if at hand).
        fill: pairs of a variable that `forward` reads and a function of the weights, made of
            `keras.ops`, that gives its value.
    """
    fill = list(fill)
    given = {
        name: _tensor(array)
        for name, array in case.arrays.items()
        if name.startswith(("in.", "w."))
    }
    for variable, value in fill:
        variable.assign(value(_without_prefix(given, "w.")))

    def call(tensors: Mapping) -> Mapping:
        weights = _without_prefix(tensors, "w.")
        with keras.StatelessScope([(variable, f(weights)) for variable, f in fill]):
            return forward(_without_prefix(tensors, "in."), weights)

    found = dict(_compiled(call)(given))
    for group, terms in case.objectives.items():
        prefix = f"grad.{group}." if group else "grad."
        names = [name for name in case.starting_with(prefix) if name.startswith(("in.", "w."))]

        def value(*changed, terms=terms, names=names):
            tensors = {**given, **dict(zip(names, changed, strict=True))}
            return objective(terms, call(tensors), case.arrays)

        for name, gradient in zip(names, gradients(value, [given[n] for n in names]), strict=True):
            found[prefix + name] = gradient
    return found


def _compiled(function: Callable) -> Callable:
    """On JAX, which would compile every operation by itself, the function compiled at once."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def objective(terms: Iterable[str], found: Mapping, arrays: Mapping):
    """The scalar that the strings of `gradient_of` describe, for these outputs."""
    total = 0.0
    for term in terms:
        if match := re.fullmatch(r"sum\((out\.\S+) \*\* 2\)", term):
            total += ops.sum(ops.square(found[match[1]]))
        elif match := re.fullmatch(r"sum\((const\.\S+) \* (out\.\S+)\)", term):
            total += ops.sum(_tensor(arrays[match[1]]) * found[match[2]])
        elif re.fullmatch(r"out\.\S+", term):
            total += found[term]
        else:
            raise ValueError(f"gradient_of holds a form that golden.objective cannot read: {term}")
    return total


def gradients(function: Callable, watched: Sequence) -> list[np.ndarray]:
    """The gradients of a scalar function of tensors and Keras variables, on any backend.

    Args:
        function: takes the tensors among `watched`, in their order, and reads the variables
            by itself; returns a scalar.
        watched: float tensors and `keras.Variable`s.

    Returns:
        One array per entry of `watched`; zeros where the function does not depend on it.
    """
    variables = [i for i, entry in enumerate(watched) if isinstance(entry, keras.Variable)]
    tensors = [i for i in range(len(watched)) if i not in variables]

    def value(values: Sequence):
        with keras.StatelessScope([(watched[i], values[i]) for i in variables]):
            return function(*(values[i] for i in tensors))

    start = [_tensor(ops.convert_to_numpy(entry)) for entry in watched]
    found = _GRADIENTS[keras.backend.backend()](value, start)
    return [ops.convert_to_numpy(gradient) for gradient in found]


def _tensorflow_gradients(value: Callable, start: list) -> list:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(start)
        scalar = tf.convert_to_tensor(value(start))
    found = tape.gradient(scalar, start, unconnected_gradients="zero")
    return [tf.convert_to_tensor(gradient) for gradient in found]


def _jax_gradients(value: Callable, start: list) -> list:
    import jax

    # One compilation of the whole, not one of every operation.
    return jax.jit(jax.grad(lambda values: ops.convert_to_tensor(value(values))))(start)


def _torch_gradients(value: Callable, start: list) -> list:
    import torch

    start = [tensor.detach().clone().requires_grad_() for tensor in start]
    scalar = ops.convert_to_tensor(value(start))
    found = [None] * len(start)
    if scalar.requires_grad:
        found = torch.autograd.grad(scalar, start, allow_unused=True)
    return [torch.zeros_like(s) if g is None else g for g, s in zip(found, start, strict=True)]


_GRADIENTS = {
    "tensorflow": _tensorflow_gradients,
    "jax": _jax_gradients,
    "torch": _torch_gradients,
}


def _tensor(array: np.ndarray):
    """A tensor of the array; integers as int32, which every backend has."""
    return ops.convert_to_tensor(array.astype("int32") if array.dtype == np.int64 else array)


def _without_prefix(tensors: Mapping, prefix: str) -> dict:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


# Weight layouts: (variable, function of the weights) pairs for `fill`


def same(variable: keras.Variable, name: str) -> Fill:
    """A variable that holds the weight as it is."""
    return [(variable, lambda w: w[name])]


def dense(layer, name: str) -> Fill:
    """A `Dense` from `name.weight` (out, in) and, where the layer has one, `name.bias`."""
    return [
        (layer.kernel, lambda w: ops.transpose(w[f"{name}.weight"])),
        *(same(layer.bias, f"{name}.bias") if layer.bias is not None else []),
    ]


def conv(layer, name: str) -> Fill:
    """A `Conv1D` or `Conv2D` from `name.weight` (out, in, *kernel) and `name.bias`."""
    axes = (*range(2, len(layer.kernel.shape)), 1, 0)
    return [
        (layer.kernel, lambda w: ops.transpose(w[f"{name}.weight"], axes)),
        *(same(layer.bias, f"{name}.bias") if layer.bias is not None else []),
    ]


def norm(layer, name: str) -> Fill:
    """A layer or batch normalisation from `name.gain`, `name.bias` and `name.running_*`."""
    pairs = [*same(layer.gamma, f"{name}.gain"), *same(layer.beta, f"{name}.bias")]
    if hasattr(layer, "moving_mean"):
        pairs += same(layer.moving_mean, f"{name}.running_mean")
        pairs += same(layer.moving_variance, f"{name}.running_var")
    return pairs


def lstm(layer, name: str) -> Fill:
    """An `LSTM`, its cell, or its three weights, from `name.w_ih`, `.w_hh`, `.b_ih`, `.b_hh`.

    Gates i, f, g, o.
    """
    kernel, recurrent_kernel, bias = _recurrent_weights(layer)
    return [
        (kernel, lambda w: ops.transpose(w[f"{name}.w_ih"])),
        (recurrent_kernel, lambda w: ops.transpose(w[f"{name}.w_hh"])),
        (bias, lambda w: w[f"{name}.b_ih"] + w[f"{name}.b_hh"]),
    ]


def gru(layer, name: str) -> Fill:
    """A `GRU(reset_after=True)`, its cell, or its three weights, from the same four.

    Gates r, z, n.
    """
    kernel, recurrent_kernel, bias = _recurrent_weights(layer)

    def keras_order(rows):
        reset, update, new = ops.split(rows, 3, axis=0)
        return ops.concatenate([update, reset, new], axis=0)

    return [
        (kernel, lambda w: ops.transpose(keras_order(w[f"{name}.w_ih"]))),
        (recurrent_kernel, lambda w: ops.transpose(keras_order(w[f"{name}.w_hh"]))),
        (bias, lambda w: ops.stack([keras_order(w[f"{name}.b_{side}h"]) for side in "ih"])),
    ]


def _recurrent_weights(layer):
    if isinstance(layer, (list, tuple)):
        return layer
    cell = getattr(layer, "cell", layer)
    return cell.kernel, cell.recurrent_kernel, cell.bias
