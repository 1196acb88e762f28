"""Writes the [speed] of the trained entries' about.toml from docs/speed.json.

python -m benchmarks.cards
keras-mer card zoo/NAME --refresh
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.interleaved import BACKENDS
from benchmarks.report import ratios
from keras_mer import zoo
from keras_mer._toml import to_toml

ROOT = Path(__file__).parents[1]
TASKS = {
    (32, "train"): "training step, batch 32",
    (32, "predict"): "prediction, batch 32",
    (1, "predict"): "prediction, one row",
}
ABOUT = (
    "On one thread of a CPU, in the sizes of docs/speed.md, which are the paper's as far as they "
    "are known, and not in those of this entry."
)


def speed_of(system: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    """What a card says of a system: ratios of the medians, by task and backend."""
    label = {"system": system, "size": "mosi", "steps": "50/50/50"}
    found = {}
    for (batch, task), shown in TASKS.items():
        result = next(r for r in results if r["label"] == {**label, "batch": batch})
        of_task = ratios(result, task)
        found[shown] = {backend: round(of_task[backend][1], 2) for backend in BACKENDS}
    return {"about": ABOUT, "ratios": found}


def measured() -> Any:
    """The results in docs/speed.json."""
    return json.loads((ROOT / "docs" / "speed.json").read_text())["results"]


def main() -> None:
    results = measured()
    for name in zoo.list_models(pretrained=True):
        path = ROOT / "zoo" / name / "about.toml"
        kept = path.read_text(encoding="utf-8").partition("\n[speed]")[0].rstrip("\n")
        speed = to_toml({"speed": speed_of(zoo.metadata(name)["system"].lower(), results)})
        path.write_text(f"{kept}\n\n{speed.strip()}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
