"""The whole state of a run in one file, so that a killed run goes on as if nothing had been."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_mer._files import written_aside


def snapshot(variables: list[Any]) -> list[np.ndarray]:
    """Copies of the variables' values."""
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


def restore(variables: list[Any], values: list[np.ndarray]) -> None:
    """Gives the variables the values of a `snapshot`."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def state_variables(model: keras.Model) -> list[Any]:
    """What a run depends on: weights, the optimizer's memory, the states of the random draws."""
    return [*model.variables, *model.optimizer.variables]


def save_state(
    path: Path, model: keras.Model, best: list[np.ndarray], progress: dict[str, Any]
) -> None:
    """Writes the state of a run.

    Args:
        path: an .npz file.
        model: compiled and built.
        best: the weights of the best epoch so far.
        progress: plain JSON, such as the number of epochs done.
    """
    arrays: dict[str, Any] = {
        f"state_{i}": x for i, x in enumerate(snapshot(state_variables(model)))
    }
    arrays |= {f"best_{i}": x for i, x in enumerate(best)}
    with written_aside(path) as aside:
        np.savez(aside, progress=np.array(json.dumps(progress)), **arrays)


def read_progress(path: Path) -> dict[str, Any]:
    """What was given to `save_state` as progress."""
    with np.load(path, allow_pickle=False) as file:
        return dict(json.loads(str(file["progress"])))


def load_state(path: Path, model: keras.Model) -> list[np.ndarray]:
    """Restores the state of a run and returns its best weights.

    Raises:
        ValueError: if the file is of another model.
    """
    with np.load(path, allow_pickle=False) as file:
        state = [file[f"state_{i}"] for i in range(_count(file, "state_"))]
        best = [file[f"best_{i}"] for i in range(_count(file, "best_"))]
    variables = state_variables(model)
    if [tuple(v.shape) for v in variables] != [x.shape for x in state]:
        raise ValueError(
            f"{path} holds the state of another model or optimizer: "
            "remove the folder to start afresh"
        )
    restore(variables, state)
    return best


def _count(file: Any, prefix: str) -> int:
    return sum(name.startswith(prefix) for name in file.files)
