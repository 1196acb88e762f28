"""CM-MSF on every backend of Keras against the same network in plain PyTorch.

    python -m benchmarks.cmmsf --rounds 15 --threads 1

A training step is what `fit` and a usual PyTorch loop make of it: batches of 32 rows, 50
aligned steps, features of 768, 5 and 20, dropout, Adam. A prediction is `predict` and a loop
without gradients. All contestants hold the same weights; their predictions are compared first.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks import common

FEATURES = {"text": 768, "audio": 5, "video": 20}
BATCH, STEPS, BATCHES = 32, 50, 8
TASKS = ("train", "predict")
TOLERANCE = 1e-4


def task() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Aligned rows of 10 to 50 real steps, and scores."""
    rng = np.random.default_rng(0)
    rows = BATCH * BATCHES
    mask = np.arange(STEPS) < rng.integers(10, STEPS + 1, size=(rows, 1))
    mask[0] = True
    inputs = {}
    for m, width in FEATURES.items():
        inputs[m] = rng.normal(size=(rows, STEPS, width)).astype("float32")
        inputs[f"{m}_mask"] = mask
    return inputs, rng.uniform(-3, 3, size=(rows, 1)).astype("float32")


def serve_keras() -> None:
    import keras

    from keras_mer.models import CMMSF

    inputs, labels = task()
    model = CMMSF(FEATURES)
    model.compile(keras.optimizers.Adam(1e-3), "mae")
    once = {"batch_size": BATCH, "verbose": 0}

    def save(weights: str, state: str) -> None:
        model.save_weights(weights)
        np.savez(state, **state_of(model))

    def load(weights: str) -> int:
        model.load_weights(weights)
        return model.count_params()

    def output(path: str) -> None:
        np.save(path, model.predict(inputs, **once))

    common.serve(
        {
            "save": save,
            "load": load,
            "output": output,
            "train": common.timed(lambda: model.fit(inputs, labels, **once), BATCHES),
            "predict": common.timed(lambda: model.predict(inputs, **once), BATCHES),
        }
    )


def state_of(model: Any) -> dict[str, np.ndarray]:
    """The weights of the Keras model under the names of `CMMSFTorch`."""
    from keras.ops import convert_to_numpy as numpy_of

    state: dict[str, np.ndarray] = {}

    def put(name: str, layer: Any, kind: str = "kernel", to: str = "weight") -> None:
        state[f"{name}.{to}"] = numpy_of(getattr(layer, kind)).T
        bias = getattr(layer, "beta" if kind == "gamma" else "bias")
        state[f"{name}.bias"] = numpy_of(bias)

    def convolutions(name: str, layer: Any) -> None:
        for place, convolution in zip(("first", "second"), layer.convolutions, strict=True):
            put(f"{name}.{place}", convolution)

    encoder, fusion = model.get_layer("encoder"), model.fusion
    for m in FEATURES:
        extractor = model.get_layer(f"extractor_{m}")
        put(f"extractors.{m}.shallow", extractor.shallow)
        convolutions(f"extractors.{m}.deep", extractor.deep)
        put(f"extractors.{m}.norm", extractor.norm, "gamma")
        reader = encoder.readers[m]
        for weights, end in ((reader.forward_weights, ""), (reader.backward_weights, "_reverse")):
            kernel, recurrent, bias = (numpy_of(w) for w in weights)
            state[f"readers.{m}.weight_ih_l0{end}"] = kernel.T
            state[f"readers.{m}.weight_hh_l0{end}"] = recurrent.T
            state[f"readers.{m}.bias_ih_l0{end}"] = bias
            state[f"readers.{m}.bias_hh_l0{end}"] = np.zeros_like(bias)
        for i, block in enumerate(encoder.blocks[m]):
            name = f"blocks.{m}.{i}"
            for role in ("query", "key", "value", "output"):
                put(f"{name}.{role}", getattr(block.attention, f"{role}_map"))
            put(f"{name}.norm_1", block.attention.norm, "gamma")
            put(f"{name}.norm_2", block.norm, "gamma")
            convolutions(f"{name}.convolutions", block.convolved)
        for part in ("transform", "keep", "gates"):
            put(f"{part}.{m}", getattr(fusion, part)[m])
    put("hidden", model.hidden_layer)
    put("prediction", model.output_layer)
    return state


def serve_torch() -> None:
    import torch

    from benchmarks.cmmsf_torch import CMMSFTorch

    inputs, labels = task()
    model = CMMSFTorch(FEATURES)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    tensors = {k: torch.from_numpy(x) for k, x in inputs.items()}
    scores = torch.from_numpy(labels)

    def batches(order: Any) -> Any:
        for rows in order.split(BATCH):
            yield {k: x[rows] for k, x in tensors.items()}, scores[rows]

    def train() -> None:
        model.train()
        for batch, truth in batches(torch.randperm(len(scores))):
            optimizer.zero_grad()
            torch.nn.functional.l1_loss(model(batch), truth).backward()
            optimizer.step()

    @torch.no_grad()
    def predict() -> np.ndarray:
        model.eval()
        found = [model(batch) for batch, _ in batches(torch.arange(len(scores)))]
        return torch.cat(found).numpy()

    def load(state: str) -> int:
        with np.load(state) as arrays:
            model.load_state_dict({k: torch.from_numpy(arrays[k]) for k in arrays.files})
        return sum(p.numel() for p in model.parameters())

    common.serve(
        {
            "load": load,
            "output": lambda path: np.save(path, predict()),
            "train": common.timed(train, BATCHES),
            "predict": common.timed(predict, BATCHES),
        }
    )


def same_predictions(workers: list[common.Worker]) -> dict[str, float]:
    """Gives all the weights of the first, and says how far each is from plain PyTorch.

    Raises:
        SystemExit: if one is further than `TOLERANCE`.
    """
    with tempfile.TemporaryDirectory() as folder:
        weights, state = f"{folder}/model.weights.h5", f"{folder}/state.npz"
        workers[0].ask("save", weights=weights, state=state)
        outputs = {}
        for worker in workers:
            if worker.contestant == common.PLAIN:
                worker.ask("load", state=state)
            else:
                worker.ask("load", weights=weights)
            worker.ask("output", path=f"{folder}/output.npy")
            outputs[worker.contestant] = np.load(f"{folder}/output.npy")
    reference = outputs.pop(common.PLAIN)
    apart = {name: float(np.abs(found - reference).max()) for name, found in outputs.items()}
    if not max(apart.values()) <= TOLERANCE:
        sys.exit(f"the predictions differ by more than {TOLERANCE} from plain torch's: {apart}")
    return apart


def main() -> None:
    """Runs the benchmark, or a worker of it."""
    arguments = common.options(__doc__ or "", "cmmsf", rounds=15)
    if arguments.worker:
        return serve_torch() if arguments.worker == common.PLAIN else serve_keras()
    contestants = [*arguments.backends, common.PLAIN]
    with common.workers("benchmarks.cmmsf", contestants, arguments.threads) as workers:
        apart = same_predictions(workers)
        seconds = common.in_turns(workers, dict.fromkeys(contestants, TASKS), arguments.rounds)
    result = {
        "machine": common.machine(),
        "threads": arguments.threads,
        "batch": BATCH,
        "steps": STEPS,
        "features": FEATURES,
        "largest difference of predictions": apart,
        "seconds": seconds,
        "ratio to plain torch": {
            name: {t: common.ratios(seconds, f"{name}/{t}", f"{common.PLAIN}/{t}") for t in TASKS}
            for name in arguments.backends
        },
    }
    common.report(
        f"CM-MSF, batch {BATCH}, {STEPS} steps, {arguments.threads} thread(s): median (quartiles)",
        ("", *(f"{t}, ms" for t in TASKS), *(f"{t}, times plain torch" for t in TASKS), "apart"),
        [row(name, result) for name in contestants],
    )
    common.write(arguments.output, result)
    return None


def row(name: str, result: Mapping[str, Any]) -> list[str]:
    """A contestant's line of the table."""
    spreads = [common.spread(result["seconds"][f"{name}/{t}"]) for t in TASKS]
    times = result["ratio to plain torch"].get(name)
    apart = result["largest difference of predictions"].get(name)
    return [
        name,
        *(common.cell(spread, 1e3, 1) for spread in spreads),
        *(common.cell(times[t]) if times else "1" for t in TASKS),
        f"{apart:.1e}" if apart is not None else "",
    ]


if __name__ == "__main__":
    main()
