"""What `import keras_mer` adds to `import keras`, and how long the first load of an entry takes.

Every measurement is a fresh process; the backends take turns, round after round. Beside the
seconds by the clock stand those of the processor, which a busy machine stretches less.
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
places = [(time.perf_counter(), time.process_time())]
def mark():
    places.append((time.perf_counter(), time.process_time()))
import keras
mark()
import keras_mer
mark()
keras_mer.zoo.load(sys.argv[1])
mark()
keras_mer.zoo.load(sys.argv[1])
mark()
pairs = zip(places, places[1:])
print(json.dumps([[a - b for a, b in zip(after, before)] for before, after in pairs]))
"""
PARTS = ("import keras", "import keras_mer after it", "first load", "second load")


def measured(backend: str, entry: str) -> list[list[float]]:
    """The seconds of each part, by the clock and by the processor, in a process of its own."""
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
    found: dict[str, dict[str, list[list[float]]]] = {
        backend: {part: [] for part in PARTS} for backend in arguments.backends
    }
    for round_ in range(arguments.rounds + 1):
        for backend, parts in found.items():
            for part, seconds in zip(PARTS, measured(backend, arguments.entry), strict=True):
                if round_:  # the first reads the disk
                    parts[part].append(seconds)
    print(f"{'seconds (of processor)':26}" + "".join(f"{part:>27}" for part in PARTS))
    for backend, parts in found.items():
        medians = ([statistics.median(s) for s in zip(*m, strict=True)] for m in parts.values())
        cells = (f"{clock:.2f} ({processor:.2f})" for clock, processor in medians)
        print(f"{backend:26}" + "".join(f"{cell:>27}" for cell in cells))
    if arguments.out:
        write_json(arguments.out / "startup.json", found, entry=arguments.entry)


if __name__ == "__main__":
    main()
