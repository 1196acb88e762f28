"""Features, labels and splits of one data set."""

from __future__ import annotations

import copy
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_mer._files import written_aside
from keras_mer.data import _folder, batching
from keras_mer.data.description import UNLABELLED, completed
from keras_mer.data.leaks import check_leaks
from keras_mer.data.ragged import Ragged
from keras_mer.layers._modalities import in_order

if TYPE_CHECKING:
    from keras_mer.data.dialogue_batches import DialogueBatches

SPLITS = ("train", "valid", "test")
FORMAT = "keras-mer dataset 1"


class Dataset:
    """Rows of one or more modalities with their labels, ids, groups and splits.

    Args:
        features: the rows of each modality, as `Ragged`, as a list of (time, dim) or (dim,)
            arrays, or as one (n, dim) or (n, time, dim) array. A row without steps means that
            the modality is missing there.
        labels: (n,) or (n, k), float or int. A class of -1 says that a row has no label: it is
            read where its dialogue is, and neither trained nor scored on.
        splits: (n,) of "train", "valid" and "test".
        ids: (n,) the name of each row; its number by default.
        groups: (n,) whoever must not be in two splits, such as a video or a speaker; the ids
            by default.
        transcripts: (n,) the words of each row.
        description: plain JSON: `name`; `task` ("regression" or "classification"; by default
            int labels are classes); `label_names`; `label_range`; `protocol`, how its numbers
            are computed; `terms` of use; `split_name`; `features`, per modality its
            `extractor`, `dimension` and what else describes it, such as the `shape` (height,
            width, channels) of frames, whose product `dimension` is; `leaks`, records of
            `modality`, `groups` and `reason` for features that were made with the labels of
            these groups, which may then only be trained on; `cautions`, sentences on what
            else to know before trusting a score.
        allow_leaks: keeps a split that the leaks or the groups forbid.
        columns: what else is known of the rows, by name: (n,) or (n, k) numbers or strings,
            such as `dialogue`, `position`, `speaker`, `session`, `start` and `end` in seconds,
            `file`, or `label_text`, the label of one modality alone. NaN stands for unknown.

    Raises:
        ValueError: if anything does not fit, or a value is NaN or infinite.
        LeakError: if held-out rows are known from training.

    Example:

    >>> import numpy as np
    >>> data = Dataset(
    ...     {"text": [np.ones((2, 4)), np.ones((3, 4))], "audio": np.ones((2, 5))},
    ...     labels=[0.5, -1.0],
    ...     splits=["train", "test"],
    ... )
    >>> inputs, labels = data.arrays("test")
    >>> {name: array.shape for name, array in inputs.items()}
    {'text': (1, 3, 4), 'text_mask': (1, 3), 'audio': (1, 1, 5), 'audio_mask': (1, 1)}
    """

    def __init__(
        self,
        features: Mapping[str, Any],
        labels: Any,
        splits: Iterable[str],
        ids: Iterable[Any] | None = None,
        groups: Iterable[Any] | None = None,
        transcripts: Iterable[str] | None = None,
        description: Mapping[str, Any] | None = None,
        allow_leaks: bool = False,
        columns: Mapping[str, Any] | None = None,
    ) -> None:
        self.labels = _labels(labels)
        rows = len(self.labels)
        self.ids = _strings("ids", range(rows) if ids is None else ids, rows)
        self.groups = _strings("groups", self.ids if groups is None else groups, rows)
        self.splits = _splits(splits, rows)
        self.transcripts = None if transcripts is None else _texts(transcripts, rows)
        self.columns = {
            name: _column(name, values, rows) for name, values in dict(columns or {}).items()
        }
        names, counts = np.unique(self.ids, return_counts=True)
        if len(names) != rows:
            raise ValueError(f"ids must differ; {str(names[counts.argmax()])!r} occurs twice")
        self._check_finite("labels", Ragged(self.labels.reshape(rows, -1), np.arange(rows + 1)))
        self.features = in_order(
            {name: self._checked(name, values) for name, values in features.items()}
        )
        dims = {name: ragged.dim for name, ragged in self.features.items()}
        self.description = completed(description, self.labels, dims)
        self.allow_leaks = allow_leaks
        self._check_leaks()

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        counts = ", ".join(f"{split} {count}" for split, count in self.counts.items())
        widths = ", ".join(f"{name} {ragged.dim}" for name, ragged in self.features.items())
        return f"Dataset({self.description['name']}: {counts}; {widths or 'no features'})"

    @property
    def modalities(self) -> list[str]:
        """The names of the modalities."""
        return list(self.features)

    @property
    def mapped(self) -> bool:
        """Whether steps of any modality lie in a file and are read when a batch asks."""
        return any(rows.mapped for rows in self.features.values())

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows of each split."""
        return {split: int((self.splits == split).sum()) for split in SPLITS}

    def arrays(
        self,
        split: str | None,
        max_length: int | None = None,
        modalities: Iterable[str] | None = None,
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """A split as padded arrays.

        Args:
            split: "train", "valid" or "test"; None for all rows.
            max_length: steps beyond it are cut off.
            modalities: which ones; all by default.

        Returns:
            The inputs, `text` (n, time, dim) float32 and `text_mask` (n, time) bool and so on
            for each modality, and the labels. A missing modality is zeros with a mask that is
            False throughout. Steps that the description gives a `shape` have it in place of dim.
        """
        rows, features = self._selected(split, modalities)
        lengths = {}
        for name, ragged in features.items():
            longest = max(int(ragged.lengths.max(initial=0)), 1)
            lengths[name] = longest if max_length is None else min(longest, max_length)
        return batching.padded_inputs(features, lengths, self._shapes), self.labels[rows]

    def batches(
        self,
        split: str | None,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        max_length: int | None = None,
        modalities: Iterable[str] | None = None,
        bucket: bool = True,
        round_to: int = 8,
        sample_weights: Any = None,
        workers: int = 0,
        max_queue_size: int = 4,
        by_length: bool = False,
        exchange: Mapping[str, float] | None = None,
    ) -> batching.Batches:
        """A split as `Batches`, a `keras.utils.PyDataset`; see there for the arguments."""
        rows, features = self._selected(split, modalities)
        return batching.Batches(
            features,
            self.labels[rows],
            batch_size,
            shuffle=shuffle,
            seed=seed,
            max_length=max_length,
            bucket=bucket,
            round_to=round_to,
            sample_weights=sample_weights,
            workers=workers,
            max_queue_size=max_queue_size,
            shapes=self._shapes,
            by_length=by_length,
            exchange=exchange,
        )

    def dialogue_batches(
        self, split: str | None, batch_size: int = 8, **options: Any
    ) -> DialogueBatches:
        """The dialogues of a split as `DialogueBatches`; see there for the arguments.

        Dialogues are told by the column `dialogue` and ordered by `position`; without these
        columns by the groups, in the order of the rows.
        """
        from keras_mer.data.dialogue_batches import DialogueBatches

        rows, features = self._selected(split, None)
        positions = self.columns.get("position")
        return DialogueBatches(
            features,
            self.labels[rows],
            self.dialogues[rows],
            None if positions is None else positions[rows],
            batch_size,
            labelled=self.labelled[rows],
            **options,
        )

    @property
    def dialogues(self) -> np.ndarray:
        """(n,) the name of each row's dialogue: the column of that name, or the groups."""
        return self.columns.get("dialogue", self.groups)

    @property
    def labelled(self) -> np.ndarray:
        """(n,) bool: which rows have a label."""
        if self.description["task"] == "classification" and self.labels.ndim == 1:
            return self.labels != UNLABELLED
        return np.ones(len(self), "bool")

    def only_labelled(self) -> Dataset:
        """The rows that have a label.

        Raises:
            ValueError: if there are none.
        """
        labelled = self.labelled
        return self if labelled.all() else self.subset(labelled)

    def subset(self, rows: Any) -> Dataset:
        """The rows of a split, of a bool mask, or at int indices."""
        if isinstance(rows, str):
            rows = self._rows(rows)
        rows = np.arange(len(self))[np.asarray(rows)]
        if not len(rows):
            raise ValueError("a subset needs at least one row; received none")
        new = copy.copy(self)
        new.features = {name: ragged.take(rows) for name, ragged in self.features.items()}
        for name in ("labels", "ids", "groups", "splits"):
            setattr(new, name, getattr(self, name)[rows])
        new.columns = {name: values[rows] for name, values in self.columns.items()}
        new.transcripts = None if self.transcripts is None else self.transcripts[rows]
        return new

    def with_features(
        self,
        modality: str,
        rows: Any,
        specification: Mapping[str, Any] | None = None,
        derived: bool = False,
    ) -> Dataset:
        """The data set with one modality added or replaced.

        Args:
            modality: its name.
            rows: one row per row of the data set, as for the constructor.
            specification: what describes them: `extractor` and so on.
            derived: whether they were computed from the features they replace, and so keep
                their leaks.
        """
        features = self.features | {modality: self._checked(modality, rows)}
        specified = self.description["features"] | {modality: dict(specification or {})}
        return self._with(features, specified, dropped=None if derived else modality)

    def standardized_by(self, column: str, modality: str) -> Dataset:
        """The data set with one modality standardised within each speaker, actor or the like.

        What is constant of a voice or a face goes, what changes stays. Mean and deviation are
        those of all steps that a speaker has, in whichever split; no label is looked at. To
        predict for somebody new, some utterances of theirs are needed.

        Args:
            column: whose value tells the rows of one speaker, such as `speaker`.
            modality: its name.

        Raises:
            ValueError: if there is no such column or modality.
        """
        from keras_mer.data.standardized_by import standardized_rows

        self._check_modalities([modality])
        if column not in self.columns:
            raise ValueError(
                f"the data set has no column {column!r}; it has {', '.join(self.columns) or 'none'}"
            )
        rows = standardized_rows(self.features[modality], self.columns[column])
        given = {**self.description["features"][modality], "standardized_by": column}
        return self.with_features(modality, rows, given, derived=True)

    def without(self, modality: str) -> Dataset:
        """The data set without one modality."""
        self._check_modalities([modality])
        features = {name: rows for name, rows in self.features.items() if name != modality}
        specified = {name: self.description["features"][name] for name in features}
        return self._with(features, specified, dropped=modality)

    def with_splits(
        self, splits: Iterable[str], split_name: str | None = None, allow_leaks: bool = False
    ) -> Dataset:
        """The data set with other splits; the leaks are checked against them."""
        new = copy.copy(self)
        new.splits = _splits(splits, len(self))
        new.description = self.description | {"split_name": split_name}
        new.allow_leaks = allow_leaks
        new._check_leaks()
        return new

    def folds(
        self,
        by: str = "groups",
        n_splits: int | None = None,
        valid: bool = True,
        allow_leaks: bool = False,
    ) -> Iterator[Dataset]:
        """The data set once per fold of a cross-validation by group.

        Args:
            by: "groups", or a column: "session" leaves one session out at a time, "speaker"
                one speaker.
            n_splits: how many folds to gather the groups in; by default one per group. Folds of
                classes have similar shares of each class.
            valid: whether each fold has a validation part, the test part of the next fold.
            allow_leaks: keeps folds that the leaks or the groups forbid.

        Raises:
            LeakError: if a fold's held-out rows are known from training.
            ValueError: if there are too few groups.

        Example:

        >>> import numpy as np
        >>> data = Dataset(
        ...     {"audio": np.ones((6, 2))},
        ...     labels=[0, 1, 0, 1, 0, 1],
        ...     splits=["train"] * 6,
        ...     columns={"speaker": ["a", "a", "b", "b", "c", "c"]},
        ... )
        >>> [fold.description["split_name"] for fold in data.folds("speaker")]
        ['speaker a held out', 'speaker b held out', 'speaker c held out']
        """
        from keras_mer.data.folds import fold_splits

        for name, splits in fold_splits(self, by, n_splits, valid):
            yield self.with_splits(splits, name, allow_leaks)

    def save(self, path: str | Path) -> None:
        """Writes everything into one `.npz` file, or into a folder.

        A folder is for what is larger than memory: the steps of each modality are a plain
        `values.<modality>.npy` there, of which `load` reads nothing before a batch asks.

        Args:
            path: ends with `.npz`, or has no suffix: that is a folder. Only a saved data set or
                an empty folder is replaced.

        Raises:
            FileExistsError: if something else is in the folder.
            ValueError: if the path has another suffix.
        """
        path = _folder.checked_place(path)
        members = self._members()
        if not path.suffix:
            self._save_folder(path, members)
            return
        members |= {f"values.{name}": ragged.values for name, ragged in self.features.items()}
        with written_aside(path) as aside:
            np.savez_compressed(aside, **members)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path, allow_leaks: bool = False) -> Dataset:
        """Opens what `save` wrote. The steps in a folder are not read, but mapped into memory.

        Raises:
            FileNotFoundError: if there is no such file or folder.
            ValueError: if it is not a data set, or is damaged.
        """
        path = Path(path)
        folder = path.is_dir()
        members = _loaded(path / _folder.ROWS, _folder.FORMAT) if folder else _loaded(path, FORMAT)
        names = [name.removeprefix("offsets.") for name in members if name[:8] == "offsets."]
        try:
            features = {
                name: _folder.opened(
                    path, name, members[f"offsets.{name}"], str(members[f"sha256.{name}"])
                )
                if folder
                else Ragged(members[f"values.{name}"], members[f"offsets.{name}"])
                for name in names
            }
            texts = members.get("transcripts")
            return cls(
                features,
                members["labels"],
                members["splits"],
                members["ids"],
                members["groups"],
                None if texts is None else json.loads(str(texts)),
                json.loads(str(members["description"])),
                allow_leaks,
                {name[7:]: members[name] for name in members if name[:7] == "column."},
            )
        except KeyError as error:
            raise ValueError(f"{path} is not a whole data set: {error} is missing in it") from None

    def summary(self) -> None:
        """Prints the modalities, the splits and the labels as tables."""
        from keras_mer.data.summary import print_summary

        print_summary(self)

    def _members(self) -> dict[str, np.ndarray]:
        """What is saved, but for the steps."""
        members = {"format": np.array(FORMAT), "description": _json(self.description)}
        for name in ("labels", "ids", "groups", "splits"):
            members[name] = getattr(self, name)
        if self.transcripts is not None:
            members["transcripts"] = _json(self.transcripts.tolist())
        members |= {f"column.{name}": values for name, values in self.columns.items()}
        return members | {f"offsets.{name}": rows.offsets for name, rows in self.features.items()}

    def _save_folder(self, path: Path, members: Mapping[str, np.ndarray]) -> None:
        hashes = {}
        with _folder.new_folder(path) as aside:
            for name, ragged in self.features.items():
                with closing(_folder.StepsFile(aside, name, ragged.dim)) as file:
                    for steps in ragged.chunks():
                        file.append(steps)
                    hashes[name] = file.finish()
            _folder.write_rows(aside, members, hashes)

    @property
    def _shapes(self) -> dict[str, Any]:
        """The shape of a step, of the modalities for which one is described."""
        described = self.description["features"]
        return {name: given["shape"] for name, given in described.items() if given.get("shape")}

    def _rows(self, split: str | None) -> np.ndarray:
        if split is None:
            return np.arange(len(self))
        rows = np.flatnonzero(self.splits == split)
        if not len(rows):
            counts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
            raise ValueError(f"the split {split!r} has no rows; this data set has {counts}")
        return rows

    def _selected(
        self, split: str | None, modalities: Iterable[str] | None
    ) -> tuple[np.ndarray, dict[str, Ragged]]:
        chosen = self.modalities if modalities is None else list(modalities)
        self._check_modalities(chosen)
        rows = self._rows(split)
        return rows, in_order({name: self.features[name].take(rows) for name in chosen})

    def _with(
        self, features: Mapping[str, Ragged], specified: Mapping[str, Any], dropped: str | None
    ) -> Dataset:
        leaks = [leak for leak in self.description["leaks"] if leak["modality"] != dropped]
        description = self.description | {"features": specified, "leaks": leaks}
        new = copy.copy(self)
        new.features = in_order(features)
        dims = {name: ragged.dim for name, ragged in new.features.items()}
        new.description = completed(description, self.labels, dims)
        return new

    def _check_leaks(self) -> None:
        if not self.allow_leaks:
            check_leaks(self.description["leaks"], self.features, self.groups, self.splits)

    def _check_modalities(self, names: list[str]) -> None:
        unknown = [name for name in names if name not in self.features]
        if unknown or not names:
            raise ValueError(
                f"this data set has the modalities {', '.join(self.features) or 'none'}; "
                f"asked for {', '.join(names) or 'none'}"
            )

    def _checked(self, modality: str, rows: Any) -> Ragged:
        """Features as `Ragged`: one row per label, every value finite."""
        try:
            ragged = rows if isinstance(rows, Ragged) else Ragged.from_list(rows)
        except ValueError as error:
            raise ValueError(f"{modality}: {error}") from None
        if len(ragged) != len(self):
            raise ValueError(f"{modality} has {len(ragged)} rows; the labels have {len(self)}")
        self._check_finite(modality, ragged)
        return ragged

    def _check_finite(self, name: str, ragged: Ragged) -> None:
        if ragged.sha256 is not None:  # it was checked when it was written
            return
        count, first = 0, 0
        found: list[np.ndarray] = []
        for steps in ragged.chunks():
            finite = np.isfinite(steps)
            if not finite.all():
                count += int((~finite).sum())
                found.append(first + np.flatnonzero(~finite.all(axis=1)))
            first += len(steps)
        if not count:
            return
        places = np.searchsorted(ragged.offsets, np.concatenate(found), side="right")
        rows = np.unique(places - 1)
        raise ValueError(
            f"{name} holds {count} values that are NaN or infinite, in {len(rows)} "
            f"rows, the first of them {str(self.ids[rows[0]])!r}; replace them, or make the row "
            "empty where the modality is missing"
        )


def _labels(labels: Any) -> np.ndarray:
    array = np.asarray(labels)
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2) or not len(array):
        raise ValueError(
            "labels must be numbers of shape (n,) or (n, k) with at least one row; "
            f"received {array.dtype} {array.shape}"
        )
    return array.astype("float32" if array.dtype.kind == "f" else "int32")


def _strings(name: str, values: Iterable[Any], rows: int) -> np.ndarray:
    known = isinstance(values, np.ndarray) and values.dtype.kind == "U"
    array = np.array(values if known else [str(value) for value in values])
    if len(array) != rows:
        raise ValueError(f"{len(array)} {name} for {rows} labels")
    return array


def _splits(splits: Iterable[str], rows: int) -> np.ndarray:
    array = _strings("splits", splits, rows)
    unknown = np.setdiff1d(array, SPLITS)
    if len(unknown):
        raise ValueError(f"splits must be train, valid or test; received {', '.join(unknown)}")
    return array


def _texts(texts: Iterable[str], rows: int) -> np.ndarray:
    """(n,) of Python strings: a fixed width would cost every row the longest one's room."""
    kept = list(texts)
    if len(kept) != rows or not all(isinstance(text, str) for text in kept):
        raise ValueError(f"transcripts must be {rows} strings, as many as labels")
    array = np.empty(rows, dtype=object)
    array[:] = kept
    return array


def _column(name: str, values: Any, rows: int) -> np.ndarray:
    array = np.array(values)
    if array.dtype.kind not in "biufU" or array.ndim not in (1, 2) or len(array) != rows:
        raise ValueError(
            f"the column {name!r} must be {rows} numbers or strings, as many as labels; "
            f"received {array.dtype} {array.shape}"
        )
    return array


def _json(value: Any) -> np.ndarray:
    return np.array(json.dumps(value, ensure_ascii=False))


def _loaded(path: Path, format: str) -> dict[str, np.ndarray]:
    """The arrays of a saved data set; no pickle is ever read."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no data set at {path}")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as npz:
            members = {name: npz[name] for name in npz.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a data set that Dataset.save wrote: {error}") from None
    if str(members.get("format")) != format:
        raise ValueError(
            f"{path} is not a data set that this version reads: it says "
            f"{str(members.get('format'))!r}, expected {format!r}"
        )
    return members
