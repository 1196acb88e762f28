"""Times the same work on several backends in turn, each in a process of its own.

Every backend sits warm in a process and waits; the parent asks one after the other, round
after round, so that whatever else the machine does meets all of them alike. Only ratios of
medians are worth quoting.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

PLAIN = "plain torch"
BACKENDS = (PLAIN, "torch", "jax", "tensorflow")
THREADS = os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))

Tasks = dict[str, Callable[[], object]]


class Worker:
    """A process that does the named tasks of one backend when asked."""

    def __init__(self, module: str, backend: str) -> None:
        environment = {
            **os.environ,
            "KERAS_BACKEND": "torch" if backend == PLAIN else backend,
            "OMP_NUM_THREADS": THREADS,
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "--worker", backend],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def ask(self, task: str) -> object:
        self.process.stdin.write(task + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("answer "):
                return json.loads(line.removeprefix("answer "))
        raise RuntimeError(f"the worker for {task} stopped: {self.process.args}")


def serve(tasks: Tasks, output: Callable[[], np.ndarray]) -> None:
    """A worker's loop: answers with seconds, or with the output to compare."""
    for line in sys.stdin:
        task = line.strip()
        if task == "output":
            answer = np.asarray(output()).tolist()
        else:
            start = time.perf_counter()
            tasks[task]()
            answer = time.perf_counter() - start
        print("answer " + json.dumps(answer), flush=True)


def run(module: str, tasks: list[str], title: str, make: Callable[[str], tuple]) -> None:
    """The command: either a worker, or the parent that asks and prints the ratios.

    Args:
        module: what the workers run.
        tasks: their names.
        title: of the table.
        make: makes the tasks and the output function of a backend.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    if arguments.worker:
        serve(*make(arguments.worker))
        return
    workers = {backend: Worker(module, backend) for backend in BACKENDS}
    outputs = {backend: np.array(worker.ask("output")) for backend, worker in workers.items()}
    differences = {b: float(np.abs(outputs[b] - outputs[PLAIN]).max()) for b in BACKENDS}
    if max(differences.values()) > 1e-4:
        raise SystemExit(f"the outputs differ, nothing was timed: {differences}")
    times = {(b, t): [] for b in BACKENDS for t in tasks}
    for round_ in range(arguments.rounds + 3):
        for (backend, task), seconds in times.items():
            taken = workers[backend].ask(task)
            if round_ >= 3:
                seconds.append(taken)
    print_table(title, tasks, times, differences)
    if arguments.json:
        figures = {f"{b}, {t}": seconds for (b, t), seconds in times.items()}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def print_table(title: str, tasks: list[str], times: dict, differences: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "", *(f"{t}: ratio, ms, quartiles" for t in tasks), "output differs by", title=title
    )
    for backend in BACKENDS:
        cells = []
        for task in tasks:
            ratio = statistics.median(times[backend, task]) / statistics.median(times[PLAIN, task])
            low, middle, high = (1e3 * q for q in statistics.quantiles(times[backend, task], n=4))
            cells.append(f"{ratio:.2f}   {middle:.1f}   {low:.1f}-{high:.1f}")
        table.add_row(backend, *cells, f"{differences[backend]:.0e}")
    Console(width=120).print(table)
