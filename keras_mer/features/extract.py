"""The features of a whole corpus, in several processes, going on where it was killed."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from keras_mer.features import _workers
from keras_mer.features._cache import FeatureCache

if TYPE_CHECKING:
    from keras_mer.data import Dataset, Ragged

AT_ONCE = 64  # clips whose features are in memory, where they go to a folder
KEPT_EVERY = 1.0  # seconds; what a kill loses at most, besides the clips in work


Pack = Callable[[str, Iterator["np.ndarray | None"], int], "Ragged"]


class Encoder(Protocol):
    """What `extract` asks of an encoder, such as `AudioEncoder`; it can be pickled."""

    @property
    def dimension(self) -> int:
        """The width of a vector."""

    @property
    def specification(self) -> dict[str, Any]:
        """What the features are."""

    def encode(self, clips: Sequence[Any]) -> Ragged:
        """The rows of some clips."""


@dataclass(frozen=True)
class Extraction:
    """What came of it.

    Attributes:
        dataset: the clips of which there are features, with what is known of them.
        failures: per clip, by its id, and modality why there are none.
        computed: clips that were decoded now; the others were kept from a run before.
    """

    dataset: Dataset
    failures: dict[str, dict[str, str]]
    computed: int


def extract(
    clips: Dataset,
    encoders: Mapping[str, Encoder],
    out: str | Path,
    processes: int | None = None,
    progress: Any = None,
) -> Extraction:
    """Encodes every clip of a corpus and saves the features with everything known of the clips.

    What is done is kept in files beside `out`, `OUT.MODALITY.partial`, which are removed once
    every clip has its features: a run that was killed goes on where it was, and after a broken
    clip was repaired only that one is computed. A clip is known by its path, size and time of
    change.

    A clip without features of one modality has no steps of it in the result; one without any, of
    its transcript neither, is left out. Both are listed in `failures` and in the saved
    description, under "failures".

    Args:
        clips: a data set whose column `file` says where each clip is, as `read_clips`,
            `read_emodb`, `read_ravdess` and `find_clips` return.
        encoders: per modality what encodes it, such as `{"audio": AudioEncoder()}`.
        out: the `.npz` to write, or a folder, if the name has no suffix; `Dataset.load` reads
            both. With a folder, features are never in memory as a whole.
        processes: how many at once; by default one per core. 0 works in this process, where a
            clip that crashes a decoder crashes all.
        progress: called with the number of clips done and of all.

    Raises:
        ValueError: if there is no column `file`, no encoder, `out` has another suffix, or no
            clip has any features.

    Example:
        ```python
        data = keras_mer.data.read_clips("corpus")
        encoders = {"audio": keras_mer.features.AudioEncoder()}
        done = keras_mer.features.extract(data, encoders, "features.npz")
        done.dataset.arrays("train")
        ```
    """
    from keras_mer.data._folder import checked_place

    out = checked_place(out)
    if "file" not in clips.columns or not encoders:
        raise ValueError(
            "extract needs at least one encoder and clips with the column 'file'; received "
            f"{', '.join(encoders) or 'no encoders'} and the columns "
            f"{', '.join(clips.columns) or 'none'}"
        )
    if processes is not None and processes < 0:
        raise ValueError(f"`processes` must be 0 or more; received {processes}")
    kept = {name: _Kept(name, encoder, out) for name, encoder in encoders.items()}
    files = [str(Path(file)) for file in clips.columns["file"]]
    reasons, computed = _work(files, dict(encoders), kept, processes, progress)
    with _packing(out) as pack:
        dataset, failures = _gathered(clips, files, encoders, kept, reasons, pack)
        dataset.save(out)
    if not out.suffix:
        dataset = type(clips).load(out, clips.allow_leaks)
    if not failures:
        for each in kept.values():
            each.cache.path.unlink(missing_ok=True)
    return Extraction(dataset, failures, computed)


class _Kept:
    """The rows of one modality: on disk, but for the newest."""

    def __init__(self, modality: str, encoder: Encoder, out: Path) -> None:
        self.cache = FeatureCache(
            out.with_name(f"{out.name}.{modality}.partial"), encoder.dimension
        )
        self.made_by = json.dumps(encoder.specification, sort_keys=True).encode()
        self.fresh: dict[str, tuple[bytes, np.ndarray]] = {}
        self.written: dict[str, bytes] = {}

    def __contains__(self, file: str) -> bool:
        return file in self.written or file in self.fresh

    def find(self, files: Sequence[str]) -> None:
        """Looks for the rows of these clips as they are now."""
        keys = {self.key(file): file for file in files}
        self.written = {keys[key]: key for key in self.cache.known(list(keys))}

    def add(self, file: str, key: bytes, row: np.ndarray) -> None:
        """Takes a row that was computed; it is on disk after the next `write`."""
        self.fresh[file] = (key, row)

    def write(self) -> None:
        """Puts all that is new on disk; what cannot be written stays in memory."""
        if self.fresh:
            self.cache.put({key: (row, False) for key, row in self.fresh.values()})
        if self.cache.writable:
            self.written |= {file: key for file, (key, _) in self.fresh.items()}
            self.fresh = {}

    def rows(self, files: Sequence[str]) -> Iterator[np.ndarray | None]:
        """The row of each clip in turn; None where there is none."""
        for start in range(0, len(files), AT_ONCE):
            part = files[start : start + AT_ONCE]
            keys = [self.written[file] for file in part if file in self.written]
            found = self.cache.get(keys)
            if len(found) < len(set(keys)):
                raise RuntimeError(f"{self.cache.path} lost rows while it was in use: run it again")
            for file in part:
                if file in self.fresh:
                    yield self.fresh[file][1]
                else:
                    yield found[self.written[file]][0] if file in self.written else None

    def key(self, file: str) -> bytes:
        """Equal for the same clip, unchanged, with the same features."""
        try:
            found = Path(file).stat()
            state = [str(Path(file).resolve()), found.st_size, found.st_mtime_ns]
        except OSError:
            state = [file, -1, -1]
        return hashlib.sha256(self.made_by + json.dumps(state).encode()).digest()


def _work(
    files: Sequence[str],
    encoders: dict[str, Encoder],
    kept: Mapping[str, _Kept],
    processes: int | None,
    progress: Any,
) -> tuple[dict[str, dict[str, str]], int]:
    """Computes what is not kept: per file and modality why there is nothing, and the count."""
    unique = list(dict.fromkeys(files))
    for each in kept.values():
        each.find(unique)
    tasks = []
    for file in unique:
        missing = [name for name, each in kept.items() if file not in each]
        if missing:
            # The clip's state from before it is read: what changes meanwhile is done again.
            tasks.append((file, missing, {name: kept[name].key(file) for name in missing}))
    done = len(unique) - len(tasks)
    keys = {file: of for file, _, of in tasks}
    reasons: dict[str, dict[str, str]] = {}
    try:
        for file, results in _timed(
            _workers.results([(f, names) for f, names, _ in tasks], encoders, processes), kept
        ):
            for name, result in results.items():
                if isinstance(result, str):
                    reasons.setdefault(file, {})[name] = result
                else:
                    kept[name].add(file, keys[file][name], result)
            done += 1
            if progress is not None:
                progress(done, len(unique))
    finally:
        for each in kept.values():
            each.write()
    return reasons, len(tasks)


def _timed(results: Iterator[Any], kept: Mapping[str, _Kept]) -> Iterator[Any]:
    """The results, with those before them written once a second."""
    last = time.monotonic()
    for result in results:
        if time.monotonic() - last > KEPT_EVERY:
            for each in kept.values():
                each.write()
            last = time.monotonic()
        yield result


@contextmanager
def _packing(out: Path) -> Iterator[Pack]:
    """What makes one `Ragged` of the rows of a modality: in memory, or in a file beside `out`."""
    from keras_mer.data import Ragged, _folder

    if out.suffix:
        yield lambda _, rows, dim: Ragged.from_list(list(rows), dim=dim)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=out.parent, prefix=f".{out.name}-", ignore_cleanup_errors=True
    ) as aside:

        def pack(name: str, rows: Iterator[np.ndarray | None], dim: int) -> Ragged:
            file, lengths = _folder.StepsFile(Path(aside), name, dim), [0]
            for row in rows:
                lengths.append(0 if row is None else len(row))
                if row is not None:
                    file.append(row)
            return _folder.opened(Path(aside), name, np.cumsum(lengths), file.finish())

        yield pack


def _gathered(
    clips: Dataset,
    files: Sequence[str],
    encoders: Mapping[str, Encoder],
    kept: Mapping[str, _Kept],
    reasons: Mapping[str, Mapping[str, str]],
    pack: Pack,
) -> tuple[Dataset, dict[str, dict[str, str]]]:
    """The data set with its features, without the clips that have none, and the failures."""
    failures = {
        str(name): dict(reasons[file])
        for name, file in zip(clips.ids, files, strict=True)
        if file in reasons
    }
    known = sum((rows.lengths for rows in clips.features.values()), np.zeros(len(clips), "int64"))
    usable = [
        bool(steps) or any(file in each for each in kept.values())
        for steps, file in zip(known, files, strict=True)
    ]
    if not any(usable):
        first = next(iter(failures.items()))
        raise ValueError(
            f"none of {len(files)} clips has features; {first[0]}: {'; '.join(first[1].values())}"
        )
    dataset = clips.subset(np.array(usable))
    present = [file for file, use in zip(files, usable, strict=True) if use]
    for name, encoder in encoders.items():
        rows = pack(name, kept[name].rows(present), encoder.dimension)
        dataset = dataset.with_features(name, rows, encoder.specification)
    if failures:
        dataset.description = dataset.description | {"failures": failures}
    return dataset, failures
