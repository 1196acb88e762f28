"""A training step and a prediction of `BidirectionalLSTM`, against `torch.nn.LSTM`.

Batch 32, 50 steps of 128 features, 64 units a direction, rows of 10 to 50 steps. Plain PyTorch
takes the padded rows as they are, which is less work than to stop at each row's length.
"""

import argparse

import numpy as np

from benchmarks.case import Case
from benchmarks.interleaved import Tasks, compare
from benchmarks.plain import fill, filled_recurrent, tasks
from benchmarks.report import print_tables

TIME, DIM, UNITS = 50, 128, 64
CASE = Case("recurrent", {"x": DIM}, {"x": TIME}, 32, label={"system": "BidirectionalLSTM"})
LENGTHS = np.random.default_rng(0).integers(10, TIME + 1, size=CASE.batch)
LENGTHS[0] = TIME


def ours(case: Case) -> Tasks:
    import keras

    from keras_mer.layers import BidirectionalLSTM

    sequence, mask = keras.Input((TIME, DIM)), keras.Input((TIME,), dtype="bool")
    model = keras.Model(
        [sequence, mask], BidirectionalLSTM(UNITS, name="lstm")(sequence, mask=mask)
    )
    fill(model)
    model.compile(keras.optimizers.Adam(1e-5), "mse")
    x = [case.sequences()["x"], np.arange(TIME) < LENGTHS[:, None]]
    zeros = np.zeros((case.batch, TIME, 2 * UNITS), "float32")
    return full_rows(
        {
            "train": lambda: model.train_on_batch(x, zeros),
            "predict": lambda: model.predict_on_batch(x),
        }
    )


def plain(case: Case) -> Tasks:
    from torch import nn

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            lstm = nn.LSTM(DIM, UNITS, batch_first=True, bidirectional=True)
            self.lstm = filled_recurrent(lstm, "lstm")

        def forward(self, x):
            return self.lstm(x["x"])[0]

    return full_rows(tasks(Plain(), case, lambda model, x, _: model(x).square().mean()))


def full_rows(of_form: Tasks) -> Tasks:
    """The rows that fill all steps are where both do the same."""
    return {**of_form, "compared": lambda: of_form["predict"]()[LENGTHS == TIME]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    print_tables(compare([CASE], parser.parse_args().rounds))


if __name__ == "__main__":
    main()
