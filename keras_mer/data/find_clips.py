"""Clips of which nothing is known but where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from keras_mer._files import is_leftover
from keras_mer.data.dataset import Dataset

SOUND = ".wav .flac .mp3 .m4a .aac .ogg .oga .opus .wma .aif .aiff .amr .caf"
VIDEO = ".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .wmv .flv .3gp .ts .ogv"
ENDINGS = tuple(f"{SOUND} {VIDEO}".split())


def find_clips(folder: str | Path) -> Dataset:
    """Finds the sound and video files below a folder, for `keras_mer.features.extract`.

    They are known by their endings. There are no features and no labels, `(n, 0)`: what comes
    out is there to be predicted, and so in the split "test". With labels, put a CSV beside the
    clips: `read_clips`.

    Args:
        folder: searched with all folders in it.

    Returns:
        Ids: the paths below `folder`. Columns: `file`.

    Raises:
        FileNotFoundError: if there is no such folder, or no clip in it.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("b.mp4", "a.wav", "notes.txt"):
    ...     (folder / name).touch()
    >>> find_clips(folder).ids.tolist()
    ['a.wav', 'b.mp4']
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in ENDINGS and path.is_file() and not is_leftover(path)
        # macOS leaves "._clip.mp4" beside clip.mp4 on foreign disks.
        if not path.name.startswith("._")
    )
    if not files:
        raise FileNotFoundError(
            f"{folder} has no clips: expected files that end in {', '.join(ENDINGS)}"
        )
    return Dataset(
        {},
        np.zeros((len(files), 0), "float32"),
        ["test"] * len(files),
        ids=[path.relative_to(folder).as_posix() for path in files],
        description={"name": folder.resolve().name, "split_name": "no labels"},
        columns={"file": [str(path) for path in files]},
    )
