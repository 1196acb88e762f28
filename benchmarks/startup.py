"""What `import keras_mer` adds to `import keras`, and how long the first load of an entry takes.

Every measurement is a fresh process; the backends take turns, round after round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.interleaved import BACKENDS
from benchmarks.report import write_json

PROGRAM = """
import json, sys, time
start = time.perf_counter()
import keras
between = time.perf_counter()
import keras_mer
imported = time.perf_counter()
keras_mer.zoo.load(sys.argv[1])
loaded = time.perf_counter()
keras_mer.zoo.load(sys.argv[1])
again = time.perf_counter()
places = [start, between, imported, loaded, again]
print(json.dumps([after - before for before, after in zip(places, places[1:])]))
"""
PARTS = ("import keras", "import keras_mer after it", "first load", "second load")


def measured(backend: str, entry: str) -> list[float]:
    """The seconds of each part, in a process of its own."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", PROGRAM, entry]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"loading {entry} on {backend} failed: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entry", default="cmmsf_mosi")
    parser.add_argument("--backends", nargs="+", default=list(BACKENDS), choices=BACKENDS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="a folder for startup.json")
    arguments = parser.parse_args()
    found: dict[str, dict[str, list[float]]] = {
        backend: {part: [] for part in PARTS} for backend in arguments.backends
    }
    for round_ in range(arguments.rounds + 1):
        for backend, parts in found.items():
            for part, seconds in zip(PARTS, measured(backend, arguments.entry), strict=True):
                if round_:  # the first reads the disk
                    parts[part].append(seconds)
    print(f"{'seconds, median (least)':26}" + "".join(f"{part:>27}" for part in PARTS))
    for backend, parts in found.items():
        cells = (f"{statistics.median(s):.2f} ({min(s):.2f})" for s in parts.values())
        print(f"{backend:26}" + "".join(f"{cell:>27}" for cell in cells))
    if arguments.out:
        write_json(arguments.out / "startup.json", found, entry=arguments.entry)


if __name__ == "__main__":
    main()
