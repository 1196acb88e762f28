"""Peak memory of DeepMSI-MER at full size, by the number of frames.

    python benchmarks/deepmsi_memory.py --frames 1 5 15 --batch 2

Each measurement runs in a process of its own, on the backend that KERAS_BACKEND names, and
reports the largest resident size of that process (on a GPU under torch, what torch allocated
there) after building the model, and after one prediction or one training step with Adam.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MIB = 2**20


def peak() -> float:
    """The largest memory so far, in MiB."""
    if os.environ.get("KERAS_BACKEND") == "torch":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.max_memory_allocated() / MIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(what: str, frames: int, batch: int) -> dict[str, float]:
    """One measurement in this process."""
    sys.path.insert(0, str(ROOT))
    import keras
    import numpy as np

    from keras_mer.models import DeepMSIMER

    model = DeepMSIMER()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-5), loss)
    rng = np.random.default_rng(0)
    inputs = {
        "text": rng.normal(size=(batch, 1, 1024)).astype("float32"),
        "audio": rng.normal(size=(batch, 1, 768)).astype("float32"),
        "video": rng.normal(size=(batch, frames, 256, 256, 3)).astype("float32"),
    }
    inputs |= {f"{m}_mask": np.ones(x.shape[:2], bool) for m, x in inputs.items()}
    built, start = peak(), time.perf_counter()
    if what == "train":
        model.train_on_batch(inputs, np.arange(batch) % 6)
    else:
        model.predict_on_batch(inputs)
    return {"built": built, "peak": peak(), "seconds": time.perf_counter() - start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, nargs="+", default=[1, 5, 15])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--one", choices=["train", "predict"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.frames[0], arguments.batch)))
        return
    print("what     frames  built MiB  peak MiB  added MiB  first step s")
    for what in ("predict", "train"):
        for frames in arguments.frames:
            command = [sys.executable, __file__, "--one", what]
            command += ["--frames", str(frames), "--batch", str(arguments.batch)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout.splitlines()[-1])
            added = found["peak"] - found["built"]
            print(
                f"{what:8} {frames:6} {found['built']:10.0f} {found['peak']:9.0f} "
                f"{added:10.0f} {found['seconds']:13.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
