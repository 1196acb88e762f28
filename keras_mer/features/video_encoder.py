"""Light features of the pictures of a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_mer.features._faces import DETECTOR
from keras_mer.features._media import listed
from keras_mer.features.read_frames import read_frames

if TYPE_CHECKING:
    from keras_mer.data import Ragged

VERSION = 1
EXTRACTORS = {f"keras-mer frames {VERSION}": False, f"keras-mer faces {VERSION}": True}
SIDE = 64  # pixels of the pictures that are measured
CELLS = 4  # cells in a row and in a column
DIRECTIONS = 8
BLOCK = 256  # frames at once
WHOLE = "brightness contrast blue blue_deviation red red_deviation sharpness motion".split()
Clip = str | Path | np.ndarray | None


class VideoEncoder:
    """Turns clips into light features of their frames: light, colour, motion, edges.

    Frames are taken at a steady rate and resized to 64 x 64. Each gives a vector:

    - of the whole frame `brightness` (mean of the grey levels, 0 to 1), `contrast` (their
      deviation), mean and deviation of the colour differences `blue` and `red` (from the grey
      level), `sharpness` (mean step between neighbouring grey levels) and `motion` (mean change
      of the grey levels since the frame before, 0 in the first);
    - `motion` of each of 4 x 4 cells;
    - the edges of each cell in eight directions, a histogram of oriented gradients whose 128
      numbers have the length 1 together.

    They need no model and no download. Of whole frames they say more of the scene than of a face;
    with `faces` they are of the face alone, as `read_frames` cuts it out, a step per moment at
    which there is one, and a clip without any is an error. Nothing is standardised: that is what
    `keras_mer.data.Preprocessor` is for.

    Args:
        frames_per_second: how many frames are looked at.
        faces: whether to measure faces in place of frames; needs OpenCV.

    Attributes:
        specification: what the features are, for the description of a data set.

    Raises:
        ValueError: if the rate is not more than 0.

    Example:

    >>> import numpy as np
    >>> frames = np.random.default_rng(0).integers(0, 256, (10, 64, 64, 3), dtype="uint8")
    >>> VideoEncoder().encode([frames])[0].shape
    (10, 152)
    """

    modality = "video"

    def __init__(self, frames_per_second: float = 5.0, faces: bool = False) -> None:
        if not frames_per_second > 0:
            raise ValueError(
                f"`frames_per_second` must be more than 0; received {frames_per_second}"
            )
        self.frames_per_second = float(frames_per_second)
        self.faces = faces

    @classmethod
    def from_specification(cls, specification: Mapping[str, Any]) -> VideoEncoder:
        """The encoder of a `specification`; what it leaves out is as by default.

        Raises:
            ValueError: if the features come from another extractor.
        """
        extractor = str(specification.get("extractor"))
        if extractor not in EXTRACTORS:
            raise ValueError(f"video features by {extractor!r} are none of {', '.join(EXTRACTORS)}")
        return cls(specification.get("frames_per_second", 5.0), EXTRACTORS[extractor])

    @property
    def columns(self) -> list[str]:
        """The name of every number of a vector."""
        cells = [f"{row}_{column}" for row in range(CELLS) for column in range(CELLS)]
        edges = [f"edges_{cell}_{way}" for cell in cells for way in range(DIRECTIONS)]
        return [*WHOLE, *(f"motion_{cell}" for cell in cells), *edges]

    @property
    def dimension(self) -> int:
        """The width of a vector."""
        return len(WHOLE) + CELLS**2 * (1 + DIRECTIONS)

    @property
    def specification(self) -> dict[str, Any]:
        """What the features are: equal specifications mean equal features."""
        return {
            "modality": self.modality,
            "extractor": next(name for name, faces in EXTRACTORS.items() if faces == self.faces),
            "version": VERSION,
            "dimension": self.dimension,
            "frames_per_second": self.frames_per_second,
            "size": [SIDE, SIDE],
            "faces": DETECTOR if self.faces else None,
            "normalisation": None,
        }

    def encode(self, clips: Sequence[Clip]) -> Ragged:
        """One `(frames, dimension)` float32 array per clip.

        Args:
            clips: paths, or (frames, 64, 64, 3) uint8 arrays at `frames_per_second`. `None`, a
                missing clip, gives no steps.

        Raises:
            FileNotFoundError: if there is no such clip.
            MediaError: (a `ValueError`) if a clip is broken or has no pictures.
            TypeError: if `clips` is a single path or array.
            ValueError: if an array has another shape or type.
        """
        from keras_mer.data import Ragged

        rows = [
            None if clip is None else measured(self._frames(clip, row))
            for row, clip in enumerate(listed(clips))
        ]
        return Ragged.from_list(rows, dim=self.dimension)

    def _frames(self, clip: Any, row: int) -> np.ndarray:
        if isinstance(clip, str | Path):
            return read_frames(clip, self.frames_per_second, None, (SIDE, SIDE), self.faces)
        array = np.asarray(clip)
        if array.shape[1:] != (SIDE, SIDE, 3) or array.dtype != np.uint8 or not len(array):
            raise ValueError(
                f"row {row}: expected a path, or (frames, {SIDE}, {SIDE}, 3) uint8; received "
                f"{array.dtype} {array.shape}"
            )
        return array


def measured(frames: np.ndarray) -> np.ndarray:
    """(frames, dimension) float32 of (frames, 64, 64, 3) uint8."""
    grey = (frames @ np.array([0.299, 0.587, 0.114], "float32")) / np.float32(255)
    blocks = range(0, len(frames), BLOCK)
    edges = np.concatenate([_edges(grey[at : at + BLOCK]) for at in blocks])
    colours = np.concatenate(
        [_colours(frames[at : at + BLOCK], grey[at : at + BLOCK]) for at in blocks]
    )
    change = np.abs(np.diff(grey, axis=0, prepend=grey[:1]))
    steps = [np.abs(np.diff(grey, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
    whole = [grey.mean(axis=(1, 2)), grey.std(axis=(1, 2)), *colours.T]
    whole += [(steps[0] + steps[1]) / 2, change.mean(axis=(1, 2))]
    motion = _cells(change) / (SIDE // CELLS) ** 2
    return np.concatenate(
        [np.stack(whole, axis=1), motion.reshape(len(frames), -1), edges], axis=1
    ).astype("float32")


def _colours(frames: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """(frames, 4): mean and deviation of blue and of red, beyond the grey level."""
    beyond = [frames[..., channel] / np.float32(255) - grey for channel in (2, 0)]
    moments = [f(part, axis=(1, 2)) for part in beyond for f in (np.mean, np.std)]
    return np.stack(moments, axis=1)


def _edges(grey: np.ndarray) -> np.ndarray:
    """(frames, cells * directions): how steep the edges of each cell are in each direction."""
    down, right = np.gradient(grey, axis=(1, 2))
    steepness = np.hypot(down, right)
    turn = np.arctan2(down, right) / np.pi % 1 * DIRECTIONS  # an edge has no sign
    way = np.minimum(turn.astype("int64"), DIRECTIONS - 1)
    each = [_cells(np.where(way == number, steepness, 0)) for number in range(DIRECTIONS)]
    histogram = np.stack(each, axis=-1).reshape(len(grey), -1)
    length = np.linalg.norm(histogram, axis=1, keepdims=True)
    return histogram / np.where(length > 1e-6, length, 1)  # a plain frame has no edges


def _cells(pixels: np.ndarray) -> np.ndarray:
    """(frames, cells, cells): sums over the cells of (frames, 64, 64)."""
    side = SIDE // CELLS
    return pixels.reshape(-1, CELLS, side, CELLS, side).sum(axis=(2, 4))
