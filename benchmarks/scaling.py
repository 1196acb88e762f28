"""Time and memory of CM-MSF by batch, steps, modalities and size of the corpus.

Training steps of each backend and of plain PyTorch, in turn; an epoch over a growing corpus on
disk is `benchmarks.scale`'s, on the backend that KERAS_BACKEND names. The exponent of a curve
is the slope of its logarithms from the middle up, where the constant cost no longer hides it:
1 is linear. Memory is what a case adds to its process.
"""

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.case import Case
from benchmarks.interleaved import BACKENDS, PLAIN, compare
from benchmarks.report import COLOURS, write_json

WIDTH, BATCH, STEPS = 64, 16, 50
RANGES = {
    "batch": [8, 16, 32, 64, 128],
    "steps": [25, 50, 100, 200, 400],
    "modalities": [2, 3, 4, 6],
}
TIMES = [1, 4, 16]
"""Of CMU-MOSI's 2199 utterances."""


def case(axis: str, value: int) -> Case:
    """A case of CM-MSF that differs from the others in one respect."""
    at = {"batch": BATCH, "steps": STEPS, "modalities": 3, axis: value}
    names = [f"m{i}" for i in range(at["modalities"])]
    widths, steps = dict.fromkeys(names, WIDTH), dict.fromkeys(names, at["steps"])
    return Case("systems.cmmsf", widths, steps, at["batch"], label={"system": "cmmsf", axis: value})


def curves(axis: str, values: Sequence[int], rounds: int, backends: Sequence[str]) -> dict:
    """Seconds and MiB of a training step along one axis, by contender."""
    results = compare([case(axis, value) for value in sorted(values)], rounds, backends)
    found: dict[str, Any] = {"values": sorted(values), "seconds": {}, "MiB": {}}
    for name in (PLAIN, *backends):
        contenders = [result["contenders"][name] for result in results]
        found["seconds"][name] = [statistics.median(c["times"]["train"]) for c in contenders]
        found["MiB"][name] = [c["memory"]["peak"] - c["memory"]["before"] for c in contenders]
    return found


def corpus_curves(times: Sequence[float], folder: Path) -> dict:
    """Seconds of an epoch and MiB of a training by the number of utterances."""
    import keras

    from benchmarks.scale import measured

    name = keras.backend.backend()
    results = [measured(folder, t) for t in sorted(times)]
    return {
        "values": [r["corpus"]["rows"] for r in results],
        "seconds": {name: [r["train"]["epoch"] for r in results]},
        "MiB": {name: [r["train"]["anonymous"] for r in results]},
    }


def exponent(values: Sequence[float], costs: Sequence[float]) -> float | None:
    """The slope of log cost over log value, from the middle of the values up."""
    half = (len(values) - 1) // 2
    x, y = np.asarray(values[half:], float), np.asarray(costs[half:], float)
    if len(x) < 2 or y.min() <= 0:
        return None
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def draw(file: Path, found: dict[str, Any]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator

    figure, axes = plt.subplots(
        2, len(found), figsize=(3.6 * len(found), 6.4), squeeze=False, layout="constrained"
    )
    for column, (axis, curve) in enumerate(found.items()):
        for row, unit in enumerate(("seconds", "MiB")):
            plot = axes[row, column]
            for name, costs in curve[unit].items():
                slope = curve["exponents"][unit][name]
                label = name if slope is None else f"{name}: exponent {slope:.2f}"
                colour = COLOURS.get(name, "black")
                plot.plot(curve["values"], costs, "o-", color=colour, label=label, markersize=4)
            plot.set_xscale("log", base=2)
            plot.set_yscale("log")
            plot.set_xticks(curve["values"], [f"{value:g}" for value in curve["values"]])
            # A flat curve shall look flat.
            low, high = plot.get_ylim()
            room = max(1.0, (8 * low / high) ** 0.5)
            plot.set_ylim(low / room, high * room)
            plot.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            plot.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            plot.minorticks_off()
            plot.set_xlabel("utterances in the corpus" if axis == "corpus" else axis)
            plot.grid(color="#eeeeee")
            plot.legend(fontsize=8, frameon=False)
        axes[0, column].set_title("an epoch" if axis == "corpus" else "a training step")
    axes[0, 0].set_ylabel("seconds")
    axes[1, 0].set_ylabel("MiB added")
    figure.suptitle("CM-MSF: time and memory (exponent 1 is linear)")
    figure.savefig(file, dpi=130)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for axis, values in RANGES.items():
        parser.add_argument(f"--{axis}", type=int, nargs="*", default=values)
    parser.add_argument("--corpus", type=float, nargs="*", default=TIMES, help="times MOSI")
    parser.add_argument("--backends", nargs="+", default=list(BACKENDS), choices=BACKENDS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--out", type=Path, help="a folder for scaling.json and scaling.png")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    for axis in RANGES:
        if values := getattr(arguments, axis):
            found[axis] = curves(axis, values, arguments.rounds, arguments.backends)
    if arguments.corpus:
        found["corpus"] = corpus_curves(arguments.corpus, arguments.folder)
    for axis, curve in found.items():
        curve["exponents"] = {
            unit: {name: exponent(curve["values"], costs) for name, costs in curve[unit].items()}
            for unit in ("seconds", "MiB")
        }
        for unit, slopes in curve["exponents"].items():
            said = ", ".join(f"{n} {'-' if s is None else f'{s:.2f}'}" for n, s in slopes.items())
            print(f"{unit:8} by {axis:11} exponents: {said}", flush=True)
    if arguments.out:
        write_json(arguments.out / "scaling.json", found)
        draw(arguments.out / "scaling.png", found)


if __name__ == "__main__":
    main()
