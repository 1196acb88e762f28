"""Clips are encoded in processes of their own: a decoder that crashes costs one clip."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import numpy as np

Task = tuple[str, Sequence[str]]  # a clip, and the modalities that are wanted of it
Result = Mapping[str, np.ndarray | str]  # per modality the vectors, or why there are none
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
IN_WORK = 3  # clips handed out per process

CRASHED = "crashes its decoder, or needs more memory than there is"

_encoders: Mapping[str, Any] = {}  # of a process that works for another


def results(
    tasks: Sequence[Task], encoders: Mapping[str, Any], processes: int | None
) -> Iterator[tuple[str, Result]]:
    """Each clip and what came of it, in the order in which they are finished.

    Args:
        tasks: what to do.
        encoders: per modality.
        processes: how many; None for one per core, 0 for this process.
    """
    if processes == 0:
        for file, wanted in tasks:
            yield file, encoded(file, wanted, encoders)
        return
    count = min(processes or os.cpu_count() or 1, len(tasks))
    waiting = deque(tasks)
    while waiting:
        suspects: deque[Task] = deque()
        yield from _in_a_pool(waiting, encoders, count, IN_WORK * count, suspects)
        # One of these killed its process. One at a time, a clip answers for itself.
        while suspects:
            guilty: deque[Task] = deque()
            yield from _in_a_pool(suspects, encoders, 1, 1, guilty)
            for file, wanted in guilty:
                yield file, dict.fromkeys(wanted, f"{file} {CRASHED}")


def encoded(file: str, wanted: Sequence[str], encoders: Mapping[str, Any]) -> Result:
    """What the encoders make of a clip; whatever is wrong with it is its reason."""
    found: dict[str, np.ndarray | str] = {}
    for name in wanted:
        try:
            row = encoders[name].encode([file])[0]
        except ImportError:  # wrong here is the installation, not the clip
            raise
        except (ValueError, OSError, MemoryError, ArithmeticError) as error:
            found[name] = str(error) or type(error).__name__
            continue
        finite = bool(len(row)) and bool(np.isfinite(row).all())
        found[name] = np.array(row) if finite else f"{file} gives no usable {name} features"
    return found


def _in_a_pool(
    waiting: deque[Task],
    encoders: Mapping[str, Any],
    count: int,
    at_once: int,
    suspects: deque[Task],
) -> Iterator[tuple[str, Result]]:
    """Empties `waiting` until a process dies; then what was in work is among the `suspects`."""
    with _pool(encoders, count) as pool:
        work: dict[Future[Result], Task] = {}
        while waiting or work:
            while waiting and len(work) < at_once and not suspects:
                try:
                    future = _submit(pool, _encoded, *waiting[0])
                except BrokenProcessPool:
                    break
                work[future] = waiting.popleft()
            if not work:
                return
            for future in wait(work, return_when=FIRST_COMPLETED).done:
                task = work.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    suspects.append(task)
                    continue
                yield task[0], result
            if suspects and not work:
                return


@contextmanager
def _pool(encoders: Mapping[str, Any], count: int) -> Iterator[ProcessPoolExecutor]:
    # Forked threads of a backend may hang; new processes need no backend at all.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, _begin, (dict(encoders),))
    try:
        _submit(pool, _ready).result()
    except BrokenProcessPool:
        pool.shutdown()
        raise RuntimeError(
            "processes for the extraction cannot be started; in a script, call extract under "
            '`if __name__ == "__main__":`, or pass processes=0'
        ) from None
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, function: Callable[..., Any], *args: Any) -> Future[Any]:
    """As `pool.submit`, which starts the processes: with the lightest backend, one thread each."""
    with _environment(KERAS_BACKEND="numpy", **dict.fromkeys(THREADS, "1")):
        return pool.submit(function, *args)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin(encoders: Mapping[str, Any]) -> None:
    global _encoders
    _encoders = encoders
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _ready() -> None:
    """Nothing: that it was called says that the process has started."""


def _encoded(file: str, wanted: Sequence[str]) -> Result:
    return encoded(file, wanted, _encoders)
