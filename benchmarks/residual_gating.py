"""The residual gating network by its scan, step by step, and as plain PyTorch's loop.

128 units a direction, 256 features. Before anything is timed, the states and one
step of gradient descent are the same in all: the gradients are, too.
"""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.case import Case
from benchmarks.interleaved import BACKENDS, Tasks, compare
from benchmarks.plain import fill, gating_cell, tasks
from benchmarks.report import print_tables, write_json

DIM, UNITS = 256, 128
DIRECTIONS = ("forward", "backward")
RATE = 3.0
"""Of the descent, for each row: the mean over batch and units makes gradients small."""


def ours(case: Case) -> Tasks:
    from keras_mer.layers import ResidualGatingNetwork

    scan = compiled(case, [ResidualGatingNetwork(UNITS, name="gating")])
    fill(scan)
    steps = compiled(case, stepwise())
    steps.set_weights(scan.get_weights())
    x, zeros = case.sequences()["x"], np.zeros((case.batch, UNITS), "float32")
    found: Tasks = {}
    for suffix, model in (("", scan), (" step by step", steps)):
        found[f"predict{suffix}"] = lambda m=model: m.predict_on_batch(x)
        found[f"train{suffix}"] = lambda m=model: m.train_on_batch(x, zeros)

    def compared() -> list[float]:
        return [v for m in (scan, steps) for v in states_and_change(case, m)]

    return {**found, "compared": compared}


def stepwise() -> list[Any]:
    import keras

    from keras_mer.layers import ResidualGatingCell

    return [
        keras.layers.RNN(ResidualGatingCell(UNITS), go_backwards=direction == "backward")
        for direction in DIRECTIONS
    ]


def compiled(case: Case, layers: list[Any]) -> Any:
    """A model of the sum of the layers. Its rate is 0, so that no step changes it."""
    import keras

    x = keras.Input((case.steps["x"], DIM))
    states = [layer(x) for layer in layers]
    model = keras.Model(x, states[0] if len(states) == 1 else keras.ops.add(*states))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


def states_and_change(case: Case, model: Any) -> list[float]:
    """The states, and what one step of descent does to the weights."""
    x, zeros = case.sequences()["x"], np.zeros((case.batch, UNITS), "float32")
    states = np.asarray(model.predict_on_batch(x))
    before = model.get_weights()
    model.optimizer.learning_rate = RATE * case.batch
    model.train_on_batch(x, zeros)
    change = [a - b for a, b in zip(model.get_weights(), before, strict=True)]
    model.optimizer.learning_rate = 0.0
    model.set_weights(before)
    return np.concatenate([a.ravel() for a in (states, *change)]).tolist()


def plain(case: Case) -> Tasks:
    import torch
    from torch import nn

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells = nn.ModuleList(
                gating_cell(f"gating/{d}_cell", DIM, UNITS) for d in DIRECTIONS
            )

        def forward(self, x):
            x = x["x"]
            forth = back = x.new_zeros(len(x), UNITS)
            for t in range(x.shape[1]):
                forth = self.cells[0](x[:, t], forth)
                back = self.cells[1](x[:, -1 - t], back)
            return forth + back

    model = Plain()
    x = {"x": torch.tensor(case.sequences()["x"])}

    def compared() -> list[float]:
        model.zero_grad()
        states = model(x)
        states.square().mean().backward()
        found = [states.detach()]
        for cell in model.cells:
            maps = (cell.remember, cell.open, cell.learn, cell.residual)
            kernel = torch.cat([m.weight.grad for m in maps]).T
            bias = torch.cat([m.bias.grad for m in maps[:3]])
            forget = cell.forget.weight.grad.T, cell.forget.bias.grad
            found += [-RATE * case.batch * gradient for gradient in (kernel, bias, *forget)]
        once = torch.cat([a.flatten() for a in found]).tolist()
        return once * 2

    found = tasks(model, case, lambda model, x, _: model(x).square().mean())
    found |= {f"{task} step by step": found[task] for task in ("predict", "train")}
    return {**found, "compared": compared}


def label_of(batch: int, steps: int) -> dict[str, Any]:
    return {"system": "RGN", "steps": steps, "batch": batch}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, nargs="+", default=[50, 500, 2000])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--backends", nargs="+", default=list(BACKENDS), choices=BACKENDS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="a folder for residual_gating.json")
    arguments = parser.parse_args()
    cases = [
        Case("residual_gating", {"x": DIM}, {"x": n}, batch, label=label_of(batch, n))
        for batch, n in sorted(
            product(arguments.batches, arguments.steps), key=lambda size: size[0] * size[1]
        )
    ]
    results = compare(cases, arguments.rounds, arguments.backends)
    print_tables(results)
    if arguments.out:
        write_json(arguments.out / "residual_gating.json", results, rounds=arguments.rounds)


if __name__ == "__main__":
    main()
