"""Memory and time of training by the size of the corpus.

    python -m benchmarks.scale --times 1 10 100

Generated utterances in the shape of CMU-MOSI's (2199 of them; 5 to 25 steps of 768 text features,
one step of 73 audio features) are written 1, 10 and 100 times into a folder, row by row, and a
small CMMSF is trained on each for one epoch, by `keras_mer.training.train`: the statistics of
the training part, the epoch, the validation. Writing and training run in processes of their own.

Memory is what a process has of its own (RssAnon in /proc, looked at every 5 ms) and its largest
resident size, which counts mapped files as well, each beyond the same process on 1 % of MOSI.
100 times MOSI takes 10 GB of disk below --folder; all is removed.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROWS, SPLITS = 2199, (1284, 229, 686)
STEPS, TEXT, AUDIO = (5, 26), 768, 73
MIB = 2**20
RECIPE = {
    "name": "scale",
    "data": {"standardize": ["text", "audio"], "clip": 5.0},
    "model": {"class": "CMMSF", "arguments": {"units": 8, "num_heads": 2}},
    "training": {"batch_size": 64, "epochs": 1},
    "evaluation": {"protocol": "mosi"},
}


class Peak:
    """The largest anonymous memory of this process, in MiB, from a thread that looks."""

    def __init__(self) -> None:
        self.anonymous = 0.0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            lines = Path("/proc/self/status").read_text().splitlines()
            kilobytes = next(line for line in lines if line.startswith("RssAnon")).split()[1]
            self.anonymous = max(self.anonymous, int(kilobytes) / 1024)
            time.sleep(0.005)

    def figures(self) -> dict[str, float]:
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"anonymous": self.anonymous, "resident": resident}


def write(folder: Path, times: float) -> dict[str, float]:
    import numpy as np

    from keras_mer.data import DatasetWriter

    rng = np.random.default_rng(0)
    noise = rng.standard_normal((4096 + STEPS[1], TEXT), dtype="float32")
    splits = np.repeat(["train", "valid", "test"], SPLITS)
    peak, start = Peak(), time.perf_counter()
    description = {"name": "generated", "label_range": [-3, 3], "protocol": "mosi"}
    with DatasetWriter(folder, {"text": TEXT, "audio": AUDIO}, description) as writer:
        for row in range(round(ROWS * times)):
            place, length, label = rng.integers(4096), rng.integers(*STEPS), rng.uniform(-3, 3)
            features = {
                "text": noise[place : place + length] + label / 4,
                "audio": noise[place, :AUDIO] - label / 4,
            }
            split = splits[row * len(splits) // round(ROWS * times)]
            writer.add(features, label, split, group=f"video {row // 24} of {split}")
    return {"seconds": time.perf_counter() - start, **peak.figures()}


def train(folder: Path, runs: Path) -> dict[str, float]:
    from keras_mer.data import read
    from keras_mer.training import Recipe
    from keras_mer.training import train as train_recipe

    peak, start = Peak(), time.perf_counter()
    run = train_recipe(Recipe.from_dict(RECIPE), folder, folder=runs)
    counts = read(folder).counts
    return {
        "seconds": time.perf_counter() - start,
        "epoch": run.epochs[0]["seconds"],
        "utterances": counts["train"] + counts["valid"],
        **peak.figures(),
    }


def child(what: str, folder: Path, *arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.scale", "--one", what, "--folder", str(folder)]
    done = subprocess.run([*command, *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{what} failed: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def measured(folder: Path, times: float) -> dict[str, dict[str, float]]:
    """One size: written and trained on, and removed."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        corpus = Path(place, "corpus")
        found = {"write": child("write", corpus, "--times", str(times))}
        found["train"] = child("train", corpus)
        size = sum(file.stat().st_size for file in corpus.iterdir())
        return {**found, "corpus": {"rows": round(ROWS * times), "MiB": size / MIB}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=float, nargs="+", default=[1, 10, 100])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--one", choices=["write", "train"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one == "write":
        print(json.dumps(write(arguments.folder, arguments.times[0])))
        return
    if arguments.one == "train":
        print(json.dumps(train(arguments.folder, arguments.folder.parent / "runs")))
        return
    least = measured(arguments.folder, 0.01)
    found = {}
    print("                          beyond 1 % of MOSI, MiB: own (resident)   train, ms")
    print("times  utterances     MiB     writing            training       per utterance  ratio")
    for times in arguments.times:
        found[times] = one = measured(arguments.folder, times)
        own = {
            task: [one[task][k] - least[task][k] for k in ("anonymous", "resident")]
            for task in ("write", "train")
        }
        each = {t: 1e3 * f["train"]["epoch"] / f["train"]["utterances"] for t, f in found.items()}
        print(
            f"{times:5g} {one['corpus']['rows']:11} {one['corpus']['MiB']:7.0f} "
            f"{own['write'][0]:8.0f} ({own['write'][1]:.0f}) {own['train'][0]:14.0f} "
            f"({own['train'][1]:.0f}) {each[times]:16.3f} "
            f"{each[times] / each[arguments.times[0]]:9.2f}",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps({"least": least, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
