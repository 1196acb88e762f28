"""Contestants in processes of their own, timed in turns.

A benchmark is a module that runs itself twice over: as the parent, which starts one worker
per contestant (`python -m benchmarks.<name> --worker <contestant>`), and as a worker, which
answers requests through `serve`. Workers hold the same processors and the same number of
threads, and only one works at a time. The parent goes round all of them again and again, so
that a load from elsewhere falls on all alike; a ratio is taken within a round, and its median
and quartiles are reported.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

BACKENDS = ("tensorflow", "jax", "torch")
PLAIN = "plain torch"


class Worker:
    """A contestant in a process of its own.

    Args:
        module: the benchmark, such as `"benchmarks.cmmsf"`.
        contestant: a backend of Keras, or `PLAIN`.
        threads: how many threads and processors it may use.
    """

    def __init__(self, module: str, contestant: str, threads: int) -> None:
        processors = sorted(os.sched_getaffinity(0))[:threads]
        count = str(len(processors))
        keras_backend = "torch" if contestant == PLAIN else contestant
        environment = {
            **os.environ,
            "KERAS_BACKEND": keras_backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "",
            "JAX_PLATFORMS": "cpu",
            "OMP_NUM_THREADS": count,
            "MKL_NUM_THREADS": count,
            "TF_NUM_INTRAOP_THREADS": count,
            "TF_NUM_INTEROP_THREADS": "1",
        }
        self.contestant = contestant
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "--worker", contestant],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            # The libraries size their pools by the processors that they may use.
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
        )

    def ask(self, task: str, **arguments: Any) -> Any:
        """What the worker's function of this name returns."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"task": task, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.contestant} ended in {task}; see above")
        return json.loads(line)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


@contextmanager
def workers(module: str, contestants: Sequence[str], threads: int) -> Iterator[list[Worker]]:
    """One worker per contestant, ended together."""
    with ExitStack() as stack:
        yield [stack.enter_context(Worker(module, name, threads)) for name in contestants]


def serve(tasks: Mapping[str, Callable[..., Any]]) -> None:
    """Answers the parent's requests until it closes the line."""
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints stays out of them
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(tasks[request["task"]](**request["arguments"])), file=answers, flush=True)


def timed(work: Callable[[], object], steps: int) -> Callable[[], float]:
    """A task that returns the seconds of one of the steps that `work` makes."""

    def run() -> float:
        start = time.perf_counter()
        work()
        return (time.perf_counter() - start) / steps

    return run


Seconds = dict[str, list[float]]
"""Seconds of each round, by contestant and task, joined by a slash."""


def in_turns(
    workers: Sequence[Worker], tasks: Mapping[str, Sequence[str]], rounds: int, warm_up: int = 2
) -> Seconds:
    """Times every task of every worker, one after another, round by round.

    Args:
        workers: the contestants.
        tasks: the tasks of each contestant.
        rounds: how often to go round.
        warm_up: rounds before those, which compile and are not counted.
    """
    seconds: Seconds = {f"{w.contestant}/{t}": [] for w in workers for t in tasks[w.contestant]}
    for i in range(warm_up + rounds):
        # Whoever comes first in a round is someone else each time.
        turn = i % len(workers)
        for worker in (*workers[turn:], *workers[:turn]):
            for task in tasks[worker.contestant]:
                found = worker.ask(task)
                if i >= warm_up:
                    seconds[f"{worker.contestant}/{task}"].append(found)
        print(f"\rround {max(i + 1 - warm_up, 0)} of {rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return seconds


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "low": low, "high": high}


def ratios(seconds: Seconds, of: str, to: str) -> dict[str, float]:
    """How long `of` took for one of `to`, round by round: median and quartiles."""
    return spread([a / b for a, b in zip(seconds[of], seconds[to], strict=True)])


def machine() -> dict[str, Any]:
    """Where and with what the figures were taken."""
    packages = ("keras", "tensorflow", "jax", "torch", "numpy")
    return {
        "processor": platform.processor() or platform.machine(),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
    }


def options(description: str, name: str, rounds: int) -> argparse.Namespace:
    """The command line that all benchmarks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help="rounds that count")
    parser.add_argument("--threads", type=int, default=1, help="threads of each contestant")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument(
        "--output", type=Path, default=Path("outputs") / f"{name}.json", help="the JSON file"
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rounds < 2 or arguments.threads < 1:
        parser.error("--rounds needs 2 or more, --threads 1 or more")
    return arguments


def report(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def cell(figures: Mapping[str, float], scale: float = 1.0, digits: int = 2) -> str:
    """A median and its quartiles, for a table."""
    median, low, high = (figures[k] * scale for k in ("median", "low", "high"))
    return f"{median:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def write(path: Path, result: Mapping[str, Any]) -> None:
    """Writes the figures as JSON."""
    from keras_mer._files import written_aside

    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as aside:
        Path(aside).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path}")
