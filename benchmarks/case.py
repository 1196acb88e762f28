"""What is run: a system on made-up data of a certain size."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

SIZES: dict[str, dict[str, int]] = {
    "mosi": {"text": 768, "audio": 5, "video": 20},
    "mosei": {"text": 768, "audio": 74, "video": 35},
    "iemocap": {"text": 100, "audio": 100, "video": 512},
}
"""The widths of the corpora, as in `keras_mer.data.generate`."""

CLASSES = {"mosi": 1, "mosei": 1, "iemocap": 6}
"""1 for a score."""

FOALNET = {"audio": 1024, "video": 768}
"""Foal-Net reads WavLM and CLIP, whatever the corpus."""

PADDED = ("cmmsf",)
"""Systems whose plain form knows padding."""

SYSTEMS = {
    "cmmsf": "CM-MSF",
    "msrg": "MSRG",
    "mcihn": "MCIHN",
    "foalnet": "Foal-Net",
    "deepmsimer": "DeepMSI-MER",
    "mult": "MulT",
}


@dataclass(frozen=True)
class Case:
    """One system, batch and length.

    Args:
        module: the module below `benchmarks` with both forms of it.
        widths: of each modality.
        steps: of each modality.
        batch: rows.
        classes: size of the prediction, 1 for a score.
        epoch: how many batches the epoch has; 0 for none.
        train: whether training is timed, or the prediction alone.
        padded: whether rows end before the last step, as those of a corpus do.
        label: what tells it from others.
    """

    module: str
    widths: Mapping[str, int]
    steps: Mapping[str, int]
    batch: int
    classes: int = 1
    epoch: int = 0
    train: bool = True
    padded: bool = False
    label: Mapping[str, object] = field(default_factory=dict)

    def sequences(self, rows: int | None = None) -> dict[str, np.ndarray]:
        """(rows, time, width) float32 of each modality, the batch's number of rows by default."""
        rng = np.random.default_rng(0)
        shapes = {m: (rows or self.batch, self.steps[m], w) for m, w in self.widths.items()}
        return {m: rng.standard_normal(shape, "float32") for m, shape in shapes.items()}

    def masks(self, rows: int | None = None) -> dict[str, np.ndarray]:
        """(rows, time) bool of each modality: all steps, or of each row a quarter to all."""
        rng = np.random.default_rng(2)
        found = {}
        for m, steps in self.steps.items():
            least = steps // 4 if self.padded else steps
            lengths = rng.integers(least, steps, rows or self.batch, endpoint=True)
            found[f"{m}_mask"] = np.arange(steps) < np.maximum(lengths, 1)[:, None]
        return found

    def inputs(self, rows: int | None = None) -> dict[str, np.ndarray]:
        """The sequences and their masks."""
        return {**self.sequences(rows), **self.masks(rows)}

    def labels(self, rows: int | None = None) -> np.ndarray:
        """(rows, 1) float32 scores, or (rows,) int64 classes."""
        rng, rows = np.random.default_rng(1), rows or self.batch
        if self.classes == 1:
            return rng.standard_normal((rows, 1), "float32")
        return rng.integers(0, self.classes, rows)


def case_of(
    system: str,
    size: str,
    steps: tuple[int, int, int],
    batch: int,
    epoch: int,
    padded: bool = False,
) -> Case:
    """The case of one system in the size of one corpus; training needs two rows or more."""
    widths, classes = SIZES[size], CLASSES[size]
    if system == "foalnet":
        widths, classes = FOALNET, 4
    if system == "deepmsimer":
        classes = 6
    lengths = dict(zip(("text", "audio", "video"), steps, strict=True))
    label = {"system": system, "size": size, "steps": "/".join(map(str, steps)), "batch": batch}
    return Case(
        f"systems.{system}",
        widths,
        {m: lengths[m] for m in widths},
        batch,
        classes,
        epoch,
        batch > 1,
        padded,
        label | ({"rows": "padded"} if padded else {}),
    )
