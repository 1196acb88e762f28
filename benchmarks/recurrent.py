"""A training step and a prediction of `BidirectionalLSTM`, against `torch.nn.LSTM`.

Batch 32, 50 steps of 128 features, 64 units a direction, rows of 10 to 50 steps. Plain torch
takes the padded rows as they are, which is less work than to stop at each row's length.
"""

import numpy as np

from benchmarks.interleaved import PLAIN, keras_train_step, run

BATCH, TIME, DIM, UNITS = 32, 50, 128, 64
RNG = np.random.default_rng(0)
SEQUENCE = RNG.normal(size=(BATCH, TIME, DIM)).astype("float32")
LENGTHS = RNG.integers(10, TIME + 1, size=BATCH)
LENGTHS[0] = TIME
MASK = np.arange(TIME) < LENGTHS[:, None]
KERNELS = [
    RNG.normal(scale=0.1, size=shape).astype("float32")
    for shape in 2 * [(DIM, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,)]
]
LABELS = np.zeros((BATCH, TIME, 2 * UNITS), "float32")


def plain():
    import torch

    lstm = torch.nn.LSTM(DIM, UNITS, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for suffix, (kernel, recurrent, bias) in (("", KERNELS[:3]), ("_reverse", KERNELS[3:])):
            getattr(lstm, f"weight_ih_l0{suffix}").copy_(torch.tensor(kernel.T))
            getattr(lstm, f"weight_hh_l0{suffix}").copy_(torch.tensor(recurrent.T))
            getattr(lstm, f"bias_ih_l0{suffix}").copy_(torch.tensor(bias))
            getattr(lstm, f"bias_hh_l0{suffix}").zero_()
    x, y = torch.tensor(SEQUENCE), torch.tensor(LABELS)
    optimizer = torch.optim.SGD(lstm.parameters(), 1e-3)

    def train():
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(lstm(x)[0], y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def predict():
        with torch.no_grad():
            return lstm(x)[0].numpy()

    # The rows that fill all steps are where both do the same.
    return {"train": train, "predict": predict}, lambda: predict()[LENGTHS == TIME]


def ours():
    import keras

    from keras_mer.layers import BidirectionalLSTM

    sequence, mask = keras.Input((TIME, DIM)), keras.Input((TIME,), dtype="bool")
    layer = BidirectionalLSTM(UNITS)
    model = keras.Model([sequence, mask], layer(sequence, mask=mask))
    layer.set_weights(KERNELS)
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    inputs = [SEQUENCE, MASK]

    def predict():
        return model.predict_on_batch(inputs)

    tasks = {"train": keras_train_step(model, inputs, LABELS), "predict": predict}
    return tasks, lambda: predict()[LENGTHS == TIME]


if __name__ == "__main__":
    run(
        "benchmarks.recurrent",
        ["train", "predict"],
        "BidirectionalLSTM, batch 32 x 50 x 128, 64 units",
        lambda backend: plain() if backend == PLAIN else ours(),
    )
