"""Times the same work of several contenders in turn, each in a process of its own.

Every contender sits warm in a process and waits; the parent asks one after the other, round
after round, so that whatever else the machine does meets all of them alike. Only ratios of
medians are worth quoting. Nothing is timed before all give the same output.
"""

import gc
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.case import Case

PLAIN = "plain PyTorch"
BACKENDS = ("torch", "jax", "tensorflow")
CONTENDERS = (PLAIN, *BACKENDS)
THREADS = os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
THREAD_SETTINGS = (
    *("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    *("PJRT_NPROC", "NPROC"),  # JAX's
)
TOLERANCE = 1e-4
WARM_UP = 2

Tasks = dict[str, Callable[[], object]]


class Worker:
    """A process that does the tasks of one contender when asked.

    Args:
        backend: the backend of Keras, or `PLAIN`.
        module: the module to use in place of that of the case, for a peer.
    """

    def __init__(self, backend: str, module: str | None = None) -> None:
        self.module = module
        # A file, since a pipe that nobody reads fills up.
        self.said = tempfile.TemporaryFile("w+")  # noqa: SIM115
        environment = {
            **os.environ,
            "KERAS_BACKEND": "torch" if backend == PLAIN else backend,
            **dict.fromkeys(THREAD_SETTINGS, THREADS),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.interleaved", backend],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            text=True,
            env=environment,
        )

    def prepare(self, case: Case) -> dict[str, Any]:
        """Makes the tasks of a case: the output, the seconds of each first call."""
        return self._ask({"case": {**asdict(case), "module": self.module or case.module}})

    def time(self, task: str) -> float:
        """Seconds."""
        return self._ask({"task": task})

    def memory(self) -> dict[str, float]:
        """MiB: the process as the case found it, and the most that it had since."""
        return self._ask({"memory": True})

    def _ask(self, message: dict[str, Any]) -> Any:
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        for line in self.process.stdout:
            if line.startswith("answer "):
                return json.loads(line.removeprefix("answer "))
        self.said.seek(0)
        raise RuntimeError(f"the worker stopped at {message}: {self.said.read()[-3000:]}")

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def serve(backend: str) -> None:
    """A worker's loop, one JSON object a line in and one out."""
    from benchmarks.plain import settle
    from keras_mer._memory import keep_freed_memory

    if hasattr(os, "sched_setaffinity"):  # no thread of anybody's goes beyond
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(THREADS)])
    settle(backend)
    if backend != PLAIN:
        keep_freed_memory()  # as the commands that train do
        importlib.import_module("keras_mer")
    tasks: Tasks = {}
    before = 0.0
    for line in sys.stdin:
        message = json.loads(line)
        if "case" in message:
            tasks.clear()
            before = forget_peak()
            case = Case(**message["case"])
            module = importlib.import_module(f"benchmarks.{case.module}")
            tasks, answer = prepared(module, backend, case)
        elif "task" in message:
            start = time.perf_counter()
            tasks[message["task"]]()
            answer = time.perf_counter() - start
        else:
            answer = {"before": before, "peak": status("VmHWM")}
        print("answer " + json.dumps(answer), flush=True)


def prepared(module: Any, backend: str, case: Case) -> tuple[Tasks, dict[str, Any]]:
    """The tasks of a case, each called once: what they gave, how long that took."""
    start = time.perf_counter()
    if backend == PLAIN:
        tasks = module.plain(case)
    else:
        import keras

        keras.backend.clear_session()
        tasks = module.ours(case)
    # What a form gives to be compared, where that is not the prediction.
    compared = tasks.pop("compared", None)
    answer: dict[str, Any] = {"build": time.perf_counter() - start, "first": {}}

    def call(names: list[str]) -> None:
        for name in names:
            start = time.perf_counter()
            tasks[name]()
            answer["first"][name] = time.perf_counter() - start

    call([name for name in tasks if name.startswith("predict")])
    # Before training, which moves the weights.
    answer["output"] = np.asarray((compared or tasks["predict"])()).tolist()
    call([name for name in tasks if name not in answer["first"]])
    return tasks, answer


def forget_peak() -> float:
    """Starts the largest size of this process anew where the system can; its size in MiB."""
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return status("VmRSS")


def status(field: str) -> float:
    """A size of this process, in MiB."""
    file = Path("/proc/self/status")
    if not file.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(line for line in file.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def compare(
    cases: Sequence[Case],
    rounds: int,
    backends: Sequence[str] = BACKENDS,
    peers: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Runs cases one after the other, in one process for each contender.

    Args:
        cases: in the order of rising memory.
        rounds: how often each task is timed.
        backends: the backends to set beside plain PyTorch.
        peers: modules of other networks that compete in plain PyTorch, by name.

    Returns:
        For each case its label, the differences of the outputs, and the figures of every
        contender: `times` by task, `first` calls, `memory`.

    Raises:
        SystemExit: if outputs differ by more than `TOLERANCE`.
    """
    workers = {b: Worker(b) for b in (PLAIN, *backends)}
    workers |= {name: Worker(PLAIN, module) for name, module in (peers or {}).items()}
    try:
        return [measured(case, workers, rounds) for case in cases]
    finally:
        for worker in workers.values():
            worker.stop()


def measured(case: Case, workers: Mapping[str, Worker], rounds: int) -> dict[str, Any]:
    """One case; see `compare`."""
    made = {name: worker.prepare(case) for name, worker in workers.items()}
    expected = np.array(made[PLAIN]["output"])
    differences = {
        name: float(np.abs(np.array(made[name]["output"]) - expected).max())
        for name, worker in workers.items()
        if worker.module is None
    }
    if not max(differences.values()) <= TOLERANCE:
        raise SystemExit(f"{dict(case.label)}: outputs differ, nothing was timed: {differences}")
    times: dict[str, dict[str, list[float]]] = {
        n: {t: [] for t in m["first"]} for n, m in made.items()
    }
    for round_ in range(rounds + WARM_UP):
        for name, of_worker in times.items():
            for task, seconds in of_worker.items():
                taken = workers[name].time(task)
                if round_ >= WARM_UP:
                    seconds.append(taken)
    contenders = {
        name: {
            "times": times[name],
            "first": made[name]["first"],
            "build": made[name]["build"],
            "memory": worker.memory(),
        }
        for name, worker in workers.items()
    }
    return {"label": dict(case.label), "differences": differences, "contenders": contenders}


if __name__ == "__main__":
    serve(sys.argv[1])
