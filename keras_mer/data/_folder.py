"""A data set as a folder: the steps of each modality in a .npy file, all else in one .npz.

The .npz is written last, so that a folder without it is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from keras_mer._files import folder_written_aside
from keras_mer.data.ragged import Ragged

FORMAT = "keras-mer dataset folder 1"
ROWS = "rows.npz"


def found_saved(folder: Path) -> Path | None:
    """The folder, if a data set was saved there."""
    return folder if (folder / ROWS).is_file() else None


def checked_place(path: str | Path) -> Path:
    """Where a data set is saved: a .npz file, or a folder if the name has no suffix.

    Raises:
        ValueError: if the path has another suffix.
    """
    path = Path(path)
    if path.suffix not in ("", ".npz"):
        raise ValueError(
            f"a data set is saved as a .npz file, or as a folder if the name has no suffix; "
            f"received {path}"
        )
    return path


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that takes the place of `path`, which holds a data set or nothing.

    Raises:
        FileExistsError: if there is something else.
    """
    if path.exists() and not (path.is_dir() and (found_saved(path) or not any(path.iterdir()))):
        raise FileExistsError(
            f"{path} is there and holds no saved data set: choose another folder, or remove it"
        )
    with folder_written_aside(path) as aside:
        yield aside


class StepsFile:
    """A .npy file of (steps, dim) float32 that steps are appended to."""

    def __init__(self, folder: Path, modality: str, dim: int) -> None:
        self.modality = modality
        self.dim = dim
        self._steps = 0
        self._hash = hashlib.sha256()
        self._file = open(_place(folder, modality), "wb")  # noqa: SIM115
        self._write_header()

    def append(self, steps: np.ndarray) -> None:
        """Writes (n, dim) steps.

        Raises:
            ValueError: if a value is NaN or infinite.
        """
        array = np.ascontiguousarray(steps, "<f4")
        if not np.isfinite(array).all():
            raise ValueError(
                f"{self.modality} holds values that are NaN or infinite between step {self._steps} "
                f"and {self._steps + len(array)}; nothing was saved"
            )
        self._file.write(array.data)
        self._hash.update(array.data)
        self._steps += len(array)

    def finish(self) -> str:
        """Notes the number of steps in the file; returns the SHA-256 of its values."""
        self._file.seek(0)
        self._write_header()  # numpy leaves room in it for a number of any size
        self.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        """Closes the file, finished or not."""
        self._file.close()

    def _write_header(self) -> None:
        header = {"descr": "<f4", "fortran_order": False, "shape": (self._steps, self.dim)}
        np.lib.format.write_array_header_1_0(self._file, header)


def write_rows(folder: Path, members: Mapping[str, np.ndarray], sha256: Mapping[str, str]) -> None:
    """Writes all but the steps, whose hashes it records: the last thing to do in a folder."""
    hashes = {f"sha256.{modality}": np.array(digest) for modality, digest in sha256.items()}
    content: dict[str, Any] = {**members, **hashes, "format": np.array(FORMAT)}
    np.savez_compressed(folder / ROWS, **content)


def opened(folder: Path, modality: str, offsets: np.ndarray, sha256: str) -> Ragged:
    """The rows of a modality, still in their file.

    Raises:
        ValueError: if the file is missing, damaged or of other rows.
    """
    path = _place(folder, modality)
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        rows = Ragged(values, offsets, sha256)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{folder} is not a whole data set: {path.name}: {error}") from None
    if not rows.mapped:
        raise ValueError(f"{path} must hold float32, row by row; received {values.dtype}")
    return rows


def _place(folder: Path, modality: str) -> Path:
    return folder / f"values.{quote(modality, safe='')}.npy"
