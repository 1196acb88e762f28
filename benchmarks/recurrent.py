"""A training step and a prediction of `BidirectionalLSTM`, against `torch.nn.LSTM`.

Batch 32, 50 steps of 128 features, 64 units a direction, rows of 10 to 50 steps. Plain torch
takes the padded rows as they are, which is less work than to stop at each row's length.
"""

import numpy as np

from benchmarks.interleaved import PLAIN, run
from benchmarks.plain import fill, filled_recurrent, keras_tasks, tasks

BATCH, TIME, DIM, UNITS = 32, 50, 128, 64
RNG = np.random.default_rng(0)
SEQUENCE = RNG.normal(size=(BATCH, TIME, DIM)).astype("float32")
LENGTHS = RNG.integers(10, TIME + 1, size=BATCH)
LENGTHS[0] = TIME
MASK = np.arange(TIME) < LENGTHS[:, None]
LABELS = np.zeros((BATCH, TIME, 2 * UNITS), "float32")


def ours():
    import keras

    from keras_mer.layers import BidirectionalLSTM

    sequence, mask = keras.Input((TIME, DIM)), keras.Input((TIME,), dtype="bool")
    states = BidirectionalLSTM(UNITS, name="lstm")(sequence, mask=mask)
    model = keras.Model([sequence, mask], states)
    fill(model)
    return keras_tasks(model, [SEQUENCE, MASK], LABELS, "mse")


def plain():
    import torch
    from torch import nn

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            lstm = nn.LSTM(DIM, UNITS, batch_first=True, bidirectional=True)
            self.lstm = filled_recurrent(lstm, "lstm")

        def forward(self, x):
            return self.lstm(x)[0]

    x, y = torch.tensor(SEQUENCE), torch.tensor(LABELS)
    return tasks(Plain(), x, lambda model, x: nn.functional.mse_loss(model(x), y))


def full_rows(tasks_and_output):
    """The rows that fill all steps are where both do the same."""
    tasks_of, output = tasks_and_output
    return tasks_of, lambda: output()[LENGTHS == TIME]


if __name__ == "__main__":
    run(
        "benchmarks.recurrent",
        ["train", "predict"],
        "BidirectionalLSTM, batch 32 x 50 x 128, 64 units",
        lambda backend: full_rows(plain() if backend == PLAIN else ours()),
    )
