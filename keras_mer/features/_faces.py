"""The face of a picture, by OpenCV's own cascade: its file comes with the library."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from keras_mer._extras import need

DETECTOR = "opencv haarcascade_frontalface_default"
FILE = "haarcascade_frontalface_default.xml"
LOOKED_AT = 480  # pixels of the longer side of what is searched
SMALLEST = 0.12  # of its shorter side: what is smaller is rarely a face, and never a speaker's
NEIGHBOURS = 5  # windows that must agree
MARGIN = 0.15  # of the box's side, added on every side: chin and forehead


def face(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """The surest frontal face of a picture, cut out with a margin and resized.

    Args:
        picture: (height, width, 3) uint8.
        size: height and width of what is returned.

    Returns:
        (height, width, 3) uint8, or None where there is no face.
    """
    cv2 = _opencv()
    scale = min(LOOKED_AT / max(picture.shape[:2]), 1)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    least = max(int(SMALLEST * min(small.shape[:2])), 24)
    boxes, _, weights = _cascade().detectMultiScale3(
        cv2.cvtColor(small, cv2.COLOR_RGB2GRAY),
        scaleFactor=1.1,
        minNeighbors=NEIGHBOURS,
        minSize=(least, least),
        outputRejectLevels=True,
    )
    if not len(boxes):
        return None
    left, top, side, _ = boxes[int(np.argmax(weights))] / scale
    margin = MARGIN * side
    top, bottom = round(max(top - margin, 0)), round(top + side + margin)
    left, right = round(max(left - margin, 0)), round(left + side + margin)
    cut = picture[top:bottom, left:right]
    return np.asarray(cv2.resize(cut, size[::-1], interpolation=cv2.INTER_AREA), dtype="uint8")


def _opencv() -> Any:
    return need("cv2", "faces", "to find faces")


@lru_cache(maxsize=1)
def _cascade() -> Any:
    cv2 = _opencv()
    if not hasattr(cv2, "CascadeClassifier") or not hasattr(cv2, "data"):
        raise ImportError(
            f"OpenCV {cv2.__version__} has no face cascades: "
            'pip install "keras-mer[faces]", which takes a version before 5'
        )
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + FILE)
    if cascade.empty():
        raise ImportError(f"OpenCV {cv2.__version__} came without {FILE}")
    return cascade
