"""The pictures of a clip, at even times and of one size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.features._faces import face
from keras_mer.features._media import MediaError, check_whole, opened

EVEN = 1e-3  # seconds; what containers round times to


def read_frames(
    path: str | Path,
    frames_per_second: float | None = None,
    count: int | None = None,
    size: tuple[int, int] = (256, 256),
    faces: bool = False,
) -> np.ndarray:
    """The pictures of a clip, at even times and of one size.

    Each is the frame that is on the screen at its time: `frames_per_second` from the first one
    on, or `count` in the middles of as many equal parts, which may repeat frames of a short clip.
    `read_frames(path, count=15)` is what DeepMSI-MER sees. Whole frames are resized by averaging
    areas, whatever their own proportions; what a camera marked as turned is turned. Decoding, by
    PyAV, is strict: a damaged clip is an error, not a grey picture.

    With `faces`, only the face is kept, the surest one that OpenCV's cascade of frontal faces
    finds, with a margin; moments without one are left out.

    Args:
        path: the clip.
        frames_per_second: how many a second, or
        count: how many in all.
        size: height and width.
        faces: whether to cut out the face.

    Returns:
        (frames, height, width, 3) uint8, red, green and blue.

    Raises:
        FileNotFoundError: if there is no such file.
        ImportError: if PyAV, or for faces OpenCV, is not installed.
        MediaError: (a `ValueError`) if the file is empty, damaged, cut off, or has no pictures,
            or no face where one is asked for.
        ValueError: if not exactly one of `frames_per_second` and `count` is given.

    Example:
        ```python
        frames = keras_mer.features.read_frames("clip.mp4", count=15)
        frames.shape  # (15, 256, 256, 3)
        model.predict({"video": frames[None] / 255.0, "video_mask": np.ones((1, 15), bool), ...})
        ```
    """
    _check_wanted(frames_per_second, count, size)
    begin, seconds = _extent(Path(path))
    wanted = begin + _times(frames_per_second, count, seconds)
    cut = partial(_face if faces else _picture, size=size)
    found = [picture for picture in _pictures(Path(path), wanted, cut) if picture is not None]
    if not found:
        raise MediaError(f"{path} shows no face at any of {len(wanted)} moments")
    return np.stack(found)


def _check_wanted(
    frames_per_second: float | None, count: int | None, size: tuple[int, int]
) -> None:
    given = [value for value in (frames_per_second, count) if value is not None]
    if len(given) != 1:
        raise ValueError(
            f"give one of `frames_per_second` and `count`; received {frames_per_second} and {count}"
        )
    if not min(*given, *size) > 0:
        raise ValueError(
            "`frames_per_second`, `count` and `size` must be more than 0; received "
            f"{frames_per_second}, {count} and {size}"
        )


def _times(frames_per_second: float | None, count: int | None, seconds: float) -> np.ndarray:
    """The wanted times since the first frame."""
    if count is not None:
        return (np.arange(count) + 0.5) * seconds / count
    rate = float(frames_per_second or 0)
    return np.arange(max(math.ceil((seconds - EVEN) * rate), 1)) / rate


def _extent(path: Path) -> tuple[float, float]:
    """When the first frame is shown, and for how long there are frames, in seconds.

    Nothing is decoded for it: headers are wrong too often.
    """
    with opened(path, "video") as (container, track):
        times = [
            packet.pts if packet.pts is not None else packet.dts
            for packet in container.demux(track)
            if packet.size and not packet.is_discard
        ]
        known = np.array([time for time in times if time is not None], dtype="float64")
        if not times:
            raise MediaError(f"{path} holds no frames")
        rate = float(track.average_rate or 25)
        if not len(known):
            return 0.0, len(times) / rate
        begin, end = known.min() * track.time_base, known.max() * track.time_base
        seconds = float(end - begin) + 1 / rate
        check_whole(path, track, seconds)
        return float(begin), seconds


def _pictures(
    path: Path, wanted: np.ndarray, cut: Callable[[Any], np.ndarray | None]
) -> Iterator[np.ndarray | None]:
    """The picture that is on the screen at each of the rising times."""
    place, before, last = 0, None, 0.0
    with opened(path, "video") as (container, track):
        for time, frame in _timed(path, container, track):
            shown = int(np.searchsorted(wanted, time - EVEN))  # before this frame came
            if before is not None and shown > place:
                yield from [cut(before)] * (shown - place)
                place = shown
            before, last = frame, time
            if place == len(wanted):
                return
    if before is None:
        raise MediaError(f"{path} holds no frame that can be decoded")
    lost = float(wanted[-1]) - last
    if lost > 1 and lost > 0.1 * float(wanted[-1] - wanted[0]):
        raise MediaError(f"{path} breaks off: its last {lost:.1f} seconds cannot be decoded")
    yield from [cut(before)] * (len(wanted) - place)


def _timed(path: Path, container: Any, track: Any) -> Iterator[tuple[float, Any]]:
    """Each frame and when it is shown, in seconds."""
    rate = float(track.average_rate or 25)
    for number, frame in enumerate(container.decode(track)):
        if frame.is_corrupt:
            raise MediaError(f"{path} is damaged: frame {number} cannot be decoded")
        yield (number / rate if frame.time is None else float(frame.time)), frame


def _picture(frame: Any, size: tuple[int, int]) -> np.ndarray:
    turns = round(frame.rotation / 90) % 4
    height, width = size if turns % 2 == 0 else size[::-1]
    resized = frame.reformat(width, height, "rgb24", interpolation="AREA")
    return np.ascontiguousarray(np.rot90(resized.to_ndarray(), turns))


def _face(frame: Any, size: tuple[int, int]) -> np.ndarray | None:
    whole = (frame.width, frame.height) if round(frame.rotation / 90) % 2 else None
    return face(_picture(frame, whole or (frame.height, frame.width)), size)
