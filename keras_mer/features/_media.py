"""Sound and video files, opened so that whatever is wrong with one is said in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer._extras import need

LOST = 0.1  # of a track may be missing at its end: headers round, encoders drop last frames
LOST_SECONDS = 0.5
ATTACHED_PICTURE = 0x400  # of the disposition of a track


class MediaError(ValueError):
    """A clip that cannot be used, and why."""


def listed(clips: object) -> list[Any]:
    """The clips, if they are a list and not a single one."""
    if isinstance(clips, str | Path | np.ndarray) or not isinstance(clips, Iterable):
        raise TypeError(
            f"expected a list of clips or arrays; received {type(clips).__name__}. Wrap a single "
            "one in a list"
        )
    return list(clips)


def checked_file(path: str | Path) -> Path:
    """The path, if there is a file with something in it."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no clip {path}")
    if not path.stat().st_size:
        raise MediaError(f"{path} is an empty file")
    return path


@contextmanager
def opened(path: str | Path, kind: str) -> Iterator[tuple[Any, Any]]:
    """The container and its best track of a kind, decoded strictly and with one thread.

    Args:
        path: the clip.
        kind: "audio" or "video".

    Raises:
        FileNotFoundError: if there is no such file.
        MediaError: if it is no media file, has no such track, or breaks within the block.
    """
    path = checked_file(path)
    av = need("av", kind, f"to read the {kind} of {path.suffix} files")
    try:
        # A playlist that calls itself a clip must not reach into the network.
        options = {"protocol_whitelist": "file"}
        with av.open(str(path.resolve()), options=options, metadata_errors="ignore") as container:
            track = container.streams.best(kind)
            # A cover picture is a video track too.
            if track is None or (kind == "video" and track.disposition.value & ATTACHED_PICTURE):
                raise MediaError(f"{path} has no {'sound' if kind == 'audio' else 'pictures'}")
            track.codec_context.thread_count = 1
            track.codec_context.options = {"err_detect": "explode"}
            yield container, track
    except av.error.FFmpegError as error:
        reason = error.strerror or type(error).__name__
        raise MediaError(f"{path} cannot be decoded: {reason}") from error


def check_whole(path: str | Path, track: Any, received: float) -> None:
    """Raises a `MediaError` if a track ends long before the end that its header promises.

    Args:
        path: the clip.
        track: its track.
        received: the seconds that were there.
    """
    if track.duration is None or "mov" not in track.container.format.name:
        return  # Other headers hold guesses, or nothing.
    promised = float(track.duration * track.time_base)
    if promised - received > max(LOST * promised, LOST_SECONDS):
        raise MediaError(
            f"{path} is cut off: {received:.1f} of {promised:.1f} seconds of its "
            f"{track.type} are there"
        )
