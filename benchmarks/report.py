"""What came out of a comparison: a table, a file, a picture."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.case import SYSTEMS
from benchmarks.interleaved import PLAIN, THREADS

TASKS = {"train": "training step", "epoch": "epoch", "predict": "prediction"}
COLOURS = {"torch": "#d1495b", "jax": "#00798c", "tensorflow": "#edae49"}
OTHER_COLOURS = ("#555555", "#9a6fb0", "#6b8e23")


def quartiles(seconds: Sequence[float]) -> list[float]:
    return [float(q) for q in np.percentile(seconds, [25, 50, 75])]


def ratios(found: dict[str, Any], task: str) -> dict[str, list[float]]:
    """The quartiles of each contender's times, over the median of plain PyTorch."""
    times = {n: c["times"][task] for n, c in found["contenders"].items() if task in c["times"]}
    plain = statistics.median(times[PLAIN])
    return {name: [q / plain for q in quartiles(seconds)] for name, seconds in times.items()}


def words(label: dict[str, Any]) -> str:
    """What a row is called."""
    system = SYSTEMS.get(label.get("system", ""), label.get("system", ""))
    size = {"mosi": "MOSI", "mosei": "MOSEI", "iemocap": "IEMOCAP"}.get(label.get("size", ""), "")
    rest = [f"{key} {value}" for key, value in label.items() if key not in ("system", "size")]
    return ", ".join(filter(None, [system, size, *rest]))


def print_tables(results: Sequence[dict[str, Any]]) -> None:
    """A table per case: the ratio of each task and its quartiles, the first call, the memory."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=140)
    for found in results:
        tasks = list(found["contenders"][PLAIN]["times"])
        headings = [f"{TASKS.get(t, t)}: ratio (quartiles), ms" for t in tasks]
        columns = ["", *headings, "first calls, s", "peak MiB (grown)", "output differs by"]
        table = Table(*columns, title=words(found["label"]))
        of_tasks = {task: ratios(found, task) for task in tasks}
        for name, contender in found["contenders"].items():
            cells = []
            for task in tasks:
                low, middle, high = of_tasks[task][name]
                milliseconds = 1e3 * statistics.median(contender["times"][task])
                cells.append(f"{middle:.2f} ({low:.2f}-{high:.2f})  {milliseconds:.1f}")
            first = sum(contender["first"].values())
            memory = contender["memory"]
            peak = f"{memory['peak']:.0f} ({memory['peak'] - memory['before']:.0f})"
            difference = found["differences"].get(name)
            differs = "" if difference is None else f"{difference:.0e}"
            table.add_row(name, *cells, f"{first:.1f}", peak, differs)
        console.print(table)


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    names = ("keras", "torch", "jax", "tensorflow", "numpy")
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": THREADS,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in names},
    }


def write_json(file: Path, results: Any, **about: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = {"machine": machine(), **about, "results": results}
    file.write_text(json.dumps(whole, indent=1) + "\n")


def draw(file: Path, results: Sequence[dict[str, Any]], title: str) -> None:
    """A column per task and a row per case: how many times plain PyTorch's time each takes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    tasks = [t for t in TASKS if any(t in f["contenders"][PLAIN]["times"] for f in results)]
    rows = list(reversed(results))
    figure, axes = plt.subplots(
        1,
        len(tasks),
        figsize=(3.2 + 3.6 * len(tasks), 2 + 0.34 * len(rows)),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, task in zip(axes[0], tasks, strict=True):
        _column(axis, rows, task)
        axis.set_title(TASKS[task], fontsize=11)
        axis.set_yticks(range(len(rows)), [words(found["label"]) for found in rows], fontsize=9)
        axis.set_ylim(-0.5, len(rows) - 0.5)
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter(lambda x, _: f"{x:g}×")
        axis.grid(axis="x", color="#dddddd", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
    low, high = axes[0, 0].get_xlim()
    for axis in axes[0]:
        axis.axvspan(low, 1, color="#e8f3ea", zorder=0)
        axis.axvline(1, color="black", linewidth=1)
    axes[0, 0].set_xlim(low, high)
    handles = {h.get_label(): h for axis in axes[0] for h in axis.get_legend_handles_labels()[0]}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=5, frameon=False)
    figure.suptitle(title, fontsize=12)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def _column(axis: Any, rows: Sequence[dict[str, Any]], task: str) -> None:
    """The points of one task; whiskers are quartiles."""
    colours = dict(COLOURS)
    for place, found in enumerate(rows):
        if task not in found["contenders"][PLAIN]["times"]:
            continue
        others = {n: r for n, r in ratios(found, task).items() if n != PLAIN}
        for i, (name, (low, middle, high)) in enumerate(others.items()):
            colour = colours.setdefault(name, OTHER_COLOURS[len(colours) % len(OTHER_COLOURS)])
            height = place + 0.14 * ((len(others) - 1) / 2 - i)
            axis.plot([low, high], [height, height], color=colour, linewidth=1.5)
            label = f"keras-mer on {name}" if name in COLOURS else name
            axis.plot(middle, height, "o", color=colour, markersize=6, label=label)
