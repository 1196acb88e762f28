"""A data set that is written row by row, and never whole in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data import _folder
from keras_mer.data.dataset import SPLITS, Dataset
from keras_mer.data.ragged import Ragged
from keras_mer.layers._modalities import in_order


class DatasetWriter:
    """Writes a data set that may be larger than memory into a folder, row by row.

    Used in a `with` block. The folder is there, whole, once the block has ended: a writer that
    failed leaves nothing, one that was killed a hidden folder beside it, named after it, that
    does not load; the next data set that is written there a day later removes it. Per row it
    keeps some hundred bytes in memory.

    Args:
        folder: where the data set will be. Only a saved data set or an empty folder is replaced.
        features: the width of each modality, such as `{"text": 768, "audio": 74}`.
        description: as for `Dataset`.
        allow_leaks: as for `Dataset`.

    Raises:
        FileExistsError: on entering, if something else is in the folder.
        ValueError: at the end of the block, if the rows together are no data set.
        LeakError: at the end of the block, if held-out rows are known from training.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> folder = Path(tempfile.mkdtemp(), "corpus")
    >>> with DatasetWriter(folder, {"text": 4, "audio": 2}) as writer:
    ...     writer.add({"text": np.ones((3, 4)), "audio": np.ones(2)}, 0.5, "train")
    ...     writer.add({"text": np.ones((5, 4))}, -1.0, "test", id="silent")
    >>> Dataset.load(folder)
    Dataset(unnamed: train 1, valid 0, test 1; text 4, audio 2)
    """

    def __init__(
        self,
        folder: str | Path,
        features: Mapping[str, int],
        description: Mapping[str, Any] | None = None,
        allow_leaks: bool = False,
    ) -> None:
        self.folder = Path(folder)
        self.features = in_order(features)
        self.description = description
        self.allow_leaks = allow_leaks
        self._lengths: dict[str, list[int]] = {name: [] for name in self.features}
        self._rows: dict[str, list[Any]] = {
            name: [] for name in ("labels", "splits", "groups", "transcripts", "columns")
        }
        self._ids: dict[str, None] = {}
        self._files: dict[str, _folder.StepsFile] = {}

    def __enter__(self) -> DatasetWriter:
        self._context = self._writing()
        self._context.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)

    def __len__(self) -> int:
        return len(self._ids)

    def add(
        self,
        features: Mapping[str, Any],
        label: Any,
        split: str,
        id: Any = None,
        group: Any = None,
        transcript: str | None = None,
        columns: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes one row; a row that is refused leaves no trace.

        Args:
            features: (time, dim) or (dim,) of each modality; what is not named, or is None, is
                missing.
            label: a number, or (k,) of them.
            split: "train", "valid" or "test".
            id: the name of the row; its number by default.
            group: whoever must not be in two splits; the id by default.
            transcript: the words, of every row or of none.
            columns: what else is known of the row, by the same names in every row.

        Raises:
            RuntimeError: outside the `with` block.
            ValueError: if the row does not fit, or holds NaN or infinity.
        """
        if not self._files:
            raise RuntimeError(f"{self.folder} is not open: add rows within the with block")
        name = str(len(self) if id is None else id)
        if name in self._ids:
            raise ValueError(f"ids must differ; {name!r} occurs twice")
        if split not in SPLITS:
            raise ValueError(f"the split of {name!r} is {split!r}; expected train, valid or test")
        if np.asarray(label).dtype.kind not in "biuf" or not np.isfinite(label).all():
            raise ValueError(f"the label of {name!r} is {label!r}; expected finite numbers")
        steps = self._steps(name, features)
        row = (label, split, name if group is None else group, transcript, dict(columns or {}))
        self._check_alike(name, transcript, row[-1])
        for modality, file in self._files.items():
            file.append(steps[modality])
            self._lengths[modality].append(len(steps[modality]))
        for values, value in zip(self._rows.values(), row, strict=True):
            values.append(value)
        self._ids[name] = None

    def _steps(self, row: str, features: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """(time, dim) of every modality, all of them finite."""
        unknown = ", ".join(sorted(set(features) - set(self.features)))
        if unknown:
            raise ValueError(
                f"row {row!r} has {unknown}; this data set is of {', '.join(self.features)}"
            )
        steps = {}
        for modality, dim in self.features.items():
            try:
                ragged = Ragged.from_list([features.get(modality)], dim)
            except ValueError as error:
                raise ValueError(f"{modality} of {row!r}: {error}") from None
            steps[modality] = ragged.values
            wrong = int((~np.isfinite(ragged.values)).sum())
            if wrong:
                raise ValueError(
                    f"{modality} of {row!r} holds {wrong} values that are NaN or infinite; replace "
                    "them, or leave it out where the modality is missing"
                )
        return steps

    def _check_alike(self, row: str, transcript: str | None, columns: Mapping[str, Any]) -> None:
        """Refuses a row of other columns than the first one's."""
        if not len(self):
            return
        first, spoken = self._rows["columns"][0], self._rows["transcripts"][0]
        if set(columns) != set(first) or (transcript is None) != (spoken is None):
            expected = [*sorted(first), *([] if spoken is None else ["transcript"])]
            received = [*sorted(columns), *([] if transcript is None else ["transcript"])]
            raise ValueError(
                f"row {row!r} has {', '.join(received) or 'no columns'}; expected "
                f"{', '.join(expected) or 'no columns'}, as the first row has"
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with _folder.new_folder(self.folder) as aside, ExitStack() as stack:
            self._files = {
                name: stack.enter_context(closing(_folder.StepsFile(aside, name, dim)))
                for name, dim in self.features.items()
            }
            try:
                yield
                hashes = {name: file.finish() for name, file in self._files.items()}
            finally:
                self._files = {}
            _folder.write_rows(aside, self._dataset(aside, hashes)._members(), hashes)

    def _dataset(self, folder: Path, hashes: Mapping[str, str]) -> Dataset:
        """What was written, checked as any data set is."""
        features = {
            name: _folder.opened(folder, name, np.cumsum([0, *lengths]), hashes[name])
            for name, lengths in self._lengths.items()
        }
        columns, texts = self._rows["columns"], self._rows["transcripts"]
        return Dataset(
            features,
            self._rows["labels"],
            self._rows["splits"],
            self._ids,
            self._rows["groups"],
            texts if texts and texts[0] is not None else None,
            self.description,
            self.allow_leaks,
            {name: [row[name] for row in columns] for name in (columns or [{}])[0]},
        )
