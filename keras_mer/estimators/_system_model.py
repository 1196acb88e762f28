"""From a system's name to a model's class and arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_mer import models
from keras_mer._nearest import did_you_mean
from keras_mer.training.systems import SYSTEMS, Model, Task

NETWORKS = [name for name, system in SYSTEMS.items() if system.model]
CLASSES = [name for name in models.__all__ if not getattr(models, name).reads_dialogues]


def system_model(system: str, arguments: Mapping[str, Any] | None, task: Task) -> Model:
    """The class and the arguments of a system for a task.

    Args:
        system: a name in `SYSTEMS`, or a class of `keras_mer.models`, which has its own defaults.
        arguments: of the class; they count before those that suit the data.
        task: what it is asked to do.

    Raises:
        ValueError: if there is no such system, or it cannot do this.
    """
    own = dict(arguments or {})
    if system in CLASSES:
        return system, {**task.head, **own}
    found = SYSTEMS.get(system)
    if found is None or found.model is None:
        hint = did_you_mean(system, [*NETWORKS, *CLASSES])
        what = "is no network" if found else "is unknown"
        raise ValueError(
            f"the system {system!r} {what}; {hint}There are {', '.join(NETWORKS)}, and the classes "
            f"{', '.join(CLASSES)}"
        )
    kind = "regression" if task.classes is None else "classification"
    if found.only not in (None, kind):
        raise ValueError(f"the system {system!r} is for {found.only} alone")
    name, suited = found.model(task)
    return name, {**suited, **own}
