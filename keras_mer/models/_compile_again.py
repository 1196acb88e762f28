"""A compiled model compiled anew, so that what may learn of it counts."""

from typing import Any

import keras

from keras_mer._types import Config


@keras.saving.register_keras_serializable(package="keras_mer")
class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule whose every rate is multiplied.

    Args:
        schedule: a `keras.optimizers.schedules.LearningRateSchedule`.
        rate: what its rates are multiplied by.
    """

    def __init__(self, schedule: Any, rate: float) -> None:
        if isinstance(schedule, dict):
            schedule = keras.optimizers.schedules.deserialize(schedule)
        self.schedule = schedule
        self.rate = rate

    def __call__(self, step: Any) -> Any:
        return self.schedule(step) * self.rate

    def get_config(self) -> Config:
        """The constructor's arguments."""
        schedule = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": schedule, "rate": self.rate}


def compile_again(model: keras.Model, rate: float = 1.0) -> None:
    """Compiles a model with what it was compiled with, and an optimizer that remembers nothing.

    Args:
        model: compiled.
        rate: what the learning rate is multiplied by.
    """
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    known = inner._learning_rate
    if isinstance(known, keras.optimizers.schedules.LearningRateSchedule):
        inner.learning_rate = known if rate == 1 else ScaledSchedule(known, rate)
    else:
        inner.learning_rate = float(keras.ops.convert_to_numpy(known)) * rate
    # Keras's own record of the arguments, since it forbids its loader a `compile` of one's own.
    arguments = {**model._compile_config.config, "optimizer": optimizer}
    model.compile(**arguments)
