"""An entry's figures on its test part and the size of its weights, in each precision.

    python -m benchmarks.precision cmmsf_mosi --data DIR --out FILE

float32 is the entry as published; the policies are what `zoo.load(name, dtype=...)` builds, int8 is
what `model.quantize("int8")` makes of it. Bytes are those of the file that `save_weights` writes
(mixed policies keep weights in float32). Under every precision the same weights score the same
rows, prepared once, by the entry's own protocol. `difference` is the largest of any output from
that of float32, `time` the median of a prediction of one batch over that of float32, in turn.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer._traced import OFTEN

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16", "bfloat16", "float16", "int8")
BATCH = 64


def in_precision(name: str, precision: str) -> Any:
    from keras_mer import zoo

    if precision != "int8":
        return zoo.load(name, dtype=precision)
    model = zoo.load(name)
    model.quantize("int8")
    return model


def size_of(model: Any) -> int:
    """Bytes of the file that `save_weights` writes."""
    with tempfile.TemporaryDirectory() as work:
        path = Path(work, "model.weights.h5")
        model.save_weights(path)
        return path.stat().st_size


def times(models: dict[str, Any], batches: dict[str, Any], rounds: int) -> dict[str, float]:
    """Per precision the median time of a prediction of one batch, over that of float32."""
    seconds: dict[str, list[float]] = {precision: [] for precision in models}
    for precision, model in models.items():
        for _ in range(OFTEN + 1):  # PyTorch then predicts by a trace
            model.predict_on_batch(batches[precision])
    for _ in range(rounds):
        for precision, model in models.items():
            start = time.perf_counter()
            model.predict_on_batch(batches[precision])
            seconds[precision].append(time.perf_counter() - start)
    medians = {precision: statistics.median(taken) for precision, taken in seconds.items()}
    return {precision: median / medians["float32"] for precision, median in medians.items()}


def measured(name: str, data: str, rounds: int) -> dict[str, dict[str, Any]]:
    from keras_mer import metrics, zoo
    from keras_mer.training import entry_data
    from keras_mer.training.evaluate import predictions
    from keras_mer.training.prepare import batches_for, complete

    dataset, found, full = entry_data(name, data), {}, None
    models, batches = {}, {}
    for precision in POLICIES:
        models[precision] = model = in_precision(name, precision)
        whole = complete(dataset, model.config["features"])
        batches[precision] = batches_for(model, whole, "test", BATCH)[0][0]
        y_pred, rows = predictions(model, whole, "test")
        y_pred = np.asarray(y_pred, "float32")
        full = y_pred if full is None else full
        found[precision] = {
            "bytes": size_of(model),
            "figures": metrics.report(rows.labels, y_pred, zoo.metadata(name)["protocol"]),
            "difference": float(np.abs(y_pred - full).max()),
        }
    for precision, ratio in times(models, batches, rounds).items():
        found[precision]["time"] = ratio
    return found


def table(name: str, found: dict[str, dict[str, Any]], chosen: list[str]) -> list[str]:
    """Lines of Markdown."""
    figures = chosen or list(found["float32"]["figures"])
    lines = [
        f"| {name} | bytes | {' | '.join(figures)} | difference | time |",
        "|---" * (4 + len(figures)) + "|",
    ]
    for precision, each in found.items():
        values = " | ".join(f"{each['figures'][f]:.4f}" for f in figures)
        row = f"| {precision} | {each['bytes']:,} | {values} | {each['difference']:.1g} | "
        lines.append(f"{row}{each['time']:.2f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("entry", help="the name or folder of an entry with a recipe")
    parser.add_argument("--data", required=True, help="what its recipe reads")
    parser.add_argument("--figures", nargs="+", default=[], help="which to print; all by default")
    parser.add_argument("--rounds", type=int, default=15, help="how often a batch is timed")
    parser.add_argument("--out", type=Path, help="a JSON file for all of it")
    arguments = parser.parse_args()
    found = measured(arguments.entry, arguments.data, arguments.rounds)
    print("\n".join(table(arguments.entry, found, arguments.figures)))
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
