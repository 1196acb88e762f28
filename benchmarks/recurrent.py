"""A training step of `BidirectionalLSTM` against stock Keras and against `torch.nn.LSTM`.

    python -m benchmarks.recurrent --rounds 15 --threads 1

Right-padded rows with masks, 32 to a batch, 50 steps of 128 features, 64 units per direction:
the reader of CM-MSF. Stock Keras is `Bidirectional(LSTM)` called with the mask; plain PyTorch
packs the rows. All end in a masked mean and a score, and are trained by `fit` or a usual loop.
The stock layer's outputs are compared first.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from benchmarks import common

DIM, UNITS, BATCH, STEPS, BATCHES = 128, 64, 32, 50, 8
OURS, STOCK = "BidirectionalLSTM", "Bidirectional(LSTM)"
TOLERANCE = 1e-4


def task() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of 10 to 50 real steps, their mask, and scores."""
    rng = np.random.default_rng(0)
    rows = BATCH * BATCHES
    mask = np.arange(STEPS) < rng.integers(10, STEPS + 1, size=(rows, 1))
    mask[0] = True
    sequence = rng.normal(size=(rows, STEPS, DIM)).astype("float32")
    return sequence, mask, rng.uniform(-3, 3, size=(rows, 1)).astype("float32")


def serve_keras() -> None:
    import keras

    from keras_mer.layers import BidirectionalLSTM, MaskedAveragePooling1D

    sequence, mask, labels = task()
    stock = keras.layers.Bidirectional(keras.layers.LSTM(UNITS, return_sequences=True))
    ours = BidirectionalLSTM(UNITS)

    def model_of(layer: Any) -> Any:
        inputs = {
            "sequence": keras.Input((STEPS, DIM), name="sequence"),
            "mask": keras.Input((STEPS,), dtype="bool", name="mask"),
        }
        states = layer(inputs["sequence"], mask=inputs["mask"])
        pooled = MaskedAveragePooling1D()(states, mask=inputs["mask"])
        model = keras.Model(inputs, keras.layers.Dense(1)(pooled))
        model.compile(keras.optimizers.Adam(1e-3), "mae")
        return model

    def train(model: Any) -> Any:
        inputs = {"sequence": sequence, "mask": mask}
        return common.timed(lambda: model.fit(inputs, labels, batch_size=BATCH, verbose=0), BATCHES)

    models = {OURS: model_of(ours), STOCK: model_of(stock)}

    def apart() -> float:
        """How far our layer is from the stock one, with its weights."""
        cells = (stock.forward_layer.cell, stock.backward_layer.cell)
        for weights, cell in zip((ours.forward_weights, ours.backward_weights), cells, strict=True):
            for mine, theirs in zip(weights, cell.trainable_weights, strict=True):
                mine.assign(theirs)
        rows = keras.ops.convert_to_tensor(sequence[:BATCH])
        real = keras.ops.convert_to_tensor(mask[:BATCH])
        found, expected = (
            keras.ops.convert_to_numpy(layer(rows, mask=real)) for layer in (ours, stock)
        )
        return float(np.abs(found - expected)[mask[:BATCH]].max())

    common.serve({"apart": apart, **{name: train(model) for name, model in models.items()}})


def serve_torch() -> None:
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    sequence, mask, labels = (torch.from_numpy(x) for x in task())
    lstm = nn.LSTM(DIM, UNITS, batch_first=True, bidirectional=True)
    head = nn.Linear(2 * UNITS, 1)
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=1e-3)

    def train() -> None:
        for rows in torch.randperm(len(labels)).split(BATCH):
            lengths = mask[rows].sum(dim=1)
            packed = pack_padded_sequence(
                sequence[rows], lengths, batch_first=True, enforce_sorted=False
            )
            states, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=STEPS)
            optimizer.zero_grad()
            loss = nn.functional.l1_loss(head(states.sum(dim=1) / lengths[:, None]), labels[rows])
            loss.backward()
            optimizer.step()

    common.serve({"nn.LSTM": common.timed(train, BATCHES)})


def main() -> None:
    """Runs the benchmark, or a worker of it."""
    arguments = common.options(__doc__ or "", "recurrent", rounds=15)
    if arguments.worker:
        return serve_torch() if arguments.worker == common.PLAIN else serve_keras()
    backends = arguments.backends
    tasks = {**dict.fromkeys(backends, (OURS, STOCK)), common.PLAIN: ("nn.LSTM",)}
    with common.workers("benchmarks.recurrent", list(tasks), arguments.threads) as workers:
        apart = {w.contestant: w.ask("apart") for w in workers if w.contestant in backends}
        if not max(apart.values()) <= TOLERANCE:
            sys.exit(f"the layer differs by more than {TOLERANCE} from the stock layer: {apart}")
        seconds = common.in_turns(workers, tasks, arguments.rounds)
    plain = f"{common.PLAIN}/nn.LSTM"
    ratios = {
        b: {
            "to plain torch": common.ratios(seconds, f"{b}/{OURS}", plain),
            "to stock keras": common.ratios(seconds, f"{b}/{OURS}", f"{b}/{STOCK}"),
            "stock keras to plain torch": common.ratios(seconds, f"{b}/{STOCK}", plain),
        }
        for b in backends
    }
    milliseconds = {key: common.cell(common.spread(s), 1e3, 1) for key, s in seconds.items()}
    rows = [
        [b, milliseconds[f"{b}/{OURS}"], milliseconds[f"{b}/{STOCK}"]]
        + [common.cell(figures) for figures in ratios[b].values()]
        for b in backends
    ]
    common.report(
        f"Training step, batch {BATCH}, {STEPS} steps, {arguments.threads} thread(s): median "
        f"(quartiles); torch.nn.LSTM {milliseconds[plain]} ms",
        ("", f"{OURS}, ms", f"{STOCK}, ms", *next(iter(ratios.values()))),
        rows,
    )
    result = {
        "machine": common.machine(),
        "threads": arguments.threads,
        "largest difference to stock keras": apart,
        "seconds": seconds,
        "ratios": ratios,
    }
    common.write(arguments.output, result)
    return None


if __name__ == "__main__":
    main()
