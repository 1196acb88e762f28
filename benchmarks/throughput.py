"""Rows a second of `keras-mer predict`, and its memory, on few and on many rows.

    python -m benchmarks.throughput --rows 10000 100000

Sentences come from a .txt file, utterances of precomputed features from a folder. Every
measurement is one command in a process of its own, from start to exit. Time should rise as the
rows do, memory (where the system tells it apart, without the pages of mapped files) not at all.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.report import write_json

LENGTHS = (4, 13)  # of a row, in words or steps: from the first to below the second
CHUNK = 10_000
CLI = "from keras_mer.cli import main; main()"


def sentences(file: Path, rows: int, entry: str) -> Path:
    """A .txt of as many different sentences, words as long as English ones."""
    del entry
    rng = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlu"))
    words = np.array(["".join(rng.choice(letters, n)) for n in rng.integers(2, 9, 3000)])
    with open(file.with_suffix(".txt"), "w") as text:
        for length in rng.integers(*LENGTHS, rows):
            text.write(" ".join(rng.choice(words, length)) + ".\n")
    return file.with_suffix(".txt")


def utterances(folder: Path, rows: int, entry: str) -> Path:
    """A data set of as many rows with all features of the entry, written piece by piece."""
    from keras_mer import zoo
    from keras_mer.data import DatasetWriter

    specification = zoo.preprocessor(entry).specification
    raw = {m: {**about, "standardized": False} for m, about in specification.items()}
    dims = {m: about["dimension"] for m, about in specification.items()}
    rng = np.random.default_rng(0)
    pool = {m: rng.standard_normal((CHUNK, dim), "float32") for m, dim in dims.items()}
    with DatasetWriter(folder, dims, {"name": "generated", "features": raw}) as writer:
        for length in rng.integers(*LENGTHS, rows):
            start = int(rng.integers(0, CHUNK - length))
            steps = {m: values[start : start + length] for m, values in pool.items()}
            writer.add(steps, 0.0, "test")
    return folder


KINDS: dict[str, Callable[[Path, int, str], Path]] = {
    "sentences": sentences,
    "utterances": utterances,
}


def measured(entry: str, source: Path, out: Path) -> dict[str, float]:
    """Seconds of one run of the command, and the most MiB that it held, files apart."""
    arguments = ["predict", entry, "--input", str(source), "--output", "csv", "--out", str(out)]
    began, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", CLI, *arguments],
            # A home of its own, in which no text is known already.
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_MER_HOME": str(out.parent)},
            stderr=said,
        )
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            peak = max(peak, held(process.pid))
            time.sleep(0.1)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"keras-mer {' '.join(arguments)} failed: {said.read()[-2000:]}")
    usage = ended[2]
    return {
        "seconds": seconds,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": peak or usage.ru_maxrss / 1024,
    }


def held(process: int) -> float:
    """MiB of a process but for the pages of mapped files, which the system may drop; or 0."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def exponent(found: list[dict[str, float]]) -> float:
    """How the time for what is beyond the first row count grows: 1 is in proportion to it."""
    rows = np.log([each["rows"] for each in found])
    return float(np.polyfit(rows, np.log([each["processor_seconds"] for each in found]), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entry", default="cmmsf_mosi")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--out", type=Path, help="a folder for throughput.json")
    arguments = parser.parse_args()
    results: dict[str, list[dict[str, float]]] = {}
    for kind in arguments.kinds:
        for rows in arguments.rows:
            with tempfile.TemporaryDirectory() as folder:
                source = KINDS[kind](Path(folder) / kind, rows, arguments.entry)
                found = measured(arguments.entry, source, Path(folder) / "scores.csv")
            results.setdefault(kind, []).append({"rows": rows, **found})
            print(
                f"{kind:11} {rows:>8} rows  {rows / found['seconds']:8.1f} rows/s  "
                f"{found['seconds']:8.1f} s  {found['processor_seconds']:8.1f} s of processor  "
                f"{found['peak_mib']:7.0f} MiB at most",
                flush=True,
            )
        if len(arguments.rows) > 1:
            print(f"{kind:11} seconds of processor grow as rows^{exponent(results[kind]):.2f}")
    if arguments.out:
        write_json(arguments.out / "throughput.json", results, entry=arguments.entry)


if __name__ == "__main__":
    main()
