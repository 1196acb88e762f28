"""The way from raw features to what a model was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from keras_mer.data._specification import differing_setting
from keras_mer.data.dataset import Dataset
from keras_mer.data.ragged import Ragged
from keras_mer.layers._modalities import in_order, modality_order

APART = {"extractor", "dimension", "standardized", "max_length"}  # checked by themselves


class Preprocessor:
    """Checks, standardises and shortens features as in training.

    Made by `fit` or `from_json`, and kept beside the weights of a model.

    Args:
        specification: per modality a dict with `dimension`, and where they apply `extractor`,
            `standardized` and `max_length`; other keys are kept.
        mean: per standardised modality (dim,) float32.
        deviation: per standardised modality (dim,) float32, nowhere 0.
        clip: standardised values are kept within this many deviations; None for no limit.

    Example:

    >>> import numpy as np
    >>> data = Dataset({"audio": [[1.0], [3.0], [9.0]]}, [0.0, 1.0, 2.0], ["train"] * 2 + ["test"])
    >>> preprocessor = Preprocessor.fit(data)
    >>> preprocessor.transform("audio", np.array([[2.0], [4.0]])).tolist()
    [[0.0], [2.0]]
    """

    def __init__(
        self,
        specification: Mapping[str, Mapping[str, Any]],
        mean: Mapping[str, Any],
        deviation: Mapping[str, Any],
        clip: float | None = None,
    ) -> None:
        self.specification = {name: dict(given) for name, given in in_order(specification).items()}
        self.mean = {name: np.asarray(mean[name], "float32") for name in modality_order(mean)}
        self.deviation = {
            name: np.asarray(deviation[name], "float32") for name in modality_order(deviation)
        }
        self.clip = None if clip is None else float(clip)
        self._check_statistics()

    @classmethod
    def fit(
        cls,
        dataset: Dataset,
        modalities: Iterable[str] | None = None,
        standardize: Iterable[str] | None = None,
        clip: float | None = None,
        max_length: int | None = None,
    ) -> Preprocessor:
        """Takes means and deviations from the training part, and from nothing else.

        Args:
            dataset: raw features.
            modalities: which ones; all by default.
            standardize: which of these to standardise; all by default.
            clip: the limit of standardised values, in deviations.
            max_length: steps beyond it are cut off.

        Raises:
            ValueError: if the training part is empty or has no step of a modality, or a
                modality is standardised already.
        """
        names = modality_order(dataset.modalities if modalities is None else modalities)
        chosen = modality_order(names if standardize is None else standardize)
        for name in [*names, *chosen]:
            if name not in dataset.features or name not in names:
                raise ValueError(
                    f"the preprocessor is for {', '.join(names)} of a data set with "
                    f"{', '.join(dataset.modalities)}; {name} is not among them"
                )
        train = dataset.subset("train")
        mean, deviation = {}, {}
        for name in chosen:
            _check_raw(name, dataset)
            mean[name], deviation[name] = _statistics(name, train.features[name], max_length)
        specification = {}
        for name in names:
            specification[name] = dict(dataset.description["features"][name])
            specification[name]["standardized"] = name in chosen or bool(
                specification[name].get("standardized")
            )
            if max_length is not None:
                specification[name]["max_length"] = max_length
        return cls(specification, mean, deviation, clip)

    def transform(self, modality: str, rows: Any) -> Any:
        """Standardises, clips and shortens the rows of one modality.

        Args:
            modality: its name.
            rows: a `Ragged`, or one (time, dim) or (dim,) array. Rows padded to one length
                are refused, as their padding would be standardised with them.

        Returns:
            The same kind, float32. Steps that lie in a file are transformed as they are read.

        Raises:
            ValueError: as `check`.
        """
        length = self._specified(modality).get("max_length")
        if isinstance(rows, Ragged):
            self.check(modality, np.empty((0, rows.dim)))
            for steps in rows.chunks() if rows.sha256 is None else ():
                self.check(modality, steps)
            rows = rows if length is None else rows.truncated(length)
            if modality not in self.mean:
                return rows
            return rows.changed(partial(self._standardized, modality))
        array = np.asarray(rows, "float32")
        self.check(modality, array)
        return self._standardized(modality, array[:length] if array.ndim == 2 else array)

    def check(self, modality: str, array: Any, row: Any = None) -> None:
        """Raises a `ValueError` unless the model can take this array.

        Args:
            modality: its name.
            array: (time, dim) or (dim,).
            row: the name of the row, for the message.
        """
        dim = self._specified(modality)["dimension"]
        array = np.asarray(array)
        where = modality if row is None else f"{modality} of {row}"
        if array.ndim not in (1, 2) or array.shape[-1] != dim:
            raise ValueError(
                f"{where} has the shape {array.shape}; expected (time, {dim})"
                + self._origin(modality)
            )
        finite = np.isfinite(array)
        if not finite.all():
            place = np.unravel_index(int(np.argmin(finite)), array.shape)
            raise ValueError(
                f"{where} holds {(~finite).sum()} values that are NaN or infinite, the first "
                f"({array[place]}) in column {place[-1]}"
                + (f" of step {place[0]}" if array.ndim == 2 else "")
            )

    def apply(self, dataset: Dataset) -> Dataset:
        """The data set with its features transformed, and no other modalities.

        Raises:
            ValueError: if a modality is missing, is standardised already, or comes from another
                extractor than the one the preprocessor was fitted on, or from the same with other
                settings.
        """
        for name in dataset.modalities:
            if name not in self.specification:
                dataset = dataset.without(name)
        for name, specified in self.specification.items():
            if name not in dataset.features:
                raise ValueError(f"{name} is expected; the data set has no such features")
            self.check_origin(name, dataset)
            rows = self.transform(name, dataset.features[name])
            dataset = dataset.with_features(name, rows, specified, derived=True)
        return dataset

    def check_origin(self, modality: str, dataset: Dataset) -> None:
        """Raises a `ValueError` unless a data set's features are of the kind that was fitted.

        Args:
            modality: one that both have.
            dataset: before it is transformed.
        """
        specified = self._specified(modality)
        given = dataset.description["features"][modality]["extractor"]
        if None not in (given, specified.get("extractor")) and given != specified["extractor"]:
            raise ValueError(
                f"{modality} comes from {given}; expected {specified['extractor']}, which the "
                "preprocessor was fitted on"
            )
        _check_settings(modality, dataset.description["features"][modality], specified)
        if modality in self.mean:
            _check_raw(modality, dataset)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` gives back the very same float32 numbers."""
        return {
            "specification": {name: dict(given) for name, given in self.specification.items()},
            "mean": {name: values.tolist() for name, values in self.mean.items()},
            "deviation": {name: values.tolist() for name, values in self.deviation.items()},
            "clip": self.clip,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Preprocessor:
        """The preprocessor that `to_json` wrote.

        Raises:
            ValueError: if something is missing in it.
        """
        try:
            return cls(data["specification"], data["mean"], data["deviation"], data["clip"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"not a preprocessor: expected specification, mean, deviation and clip ({error})"
            ) from None

    def _check_statistics(self) -> None:
        for name, given in self.specification.items():
            if not isinstance(given.get("dimension"), int):
                raise ValueError(f"the specification of {name} has no dimension")
        if list(self.mean) != list(self.deviation) or set(self.mean) - set(self.specification):
            raise ValueError(
                f"mean is for {', '.join(self.mean) or 'none'}, deviation for "
                f"{', '.join(self.deviation) or 'none'}; expected both for the same of "
                f"{', '.join(self.specification)}"
            )
        for name, mean in self.mean.items():
            shape = (self.specification[name]["dimension"],)
            deviation = self.deviation[name]
            if mean.shape != shape or deviation.shape != shape:
                raise ValueError(
                    f"mean and deviation of {name} have the shapes {mean.shape} and "
                    f"{deviation.shape}; expected {shape}"
                )
            if not (np.isfinite(mean).all() and np.isfinite(deviation).all() and deviation.all()):
                raise ValueError(f"mean and deviation of {name} must be finite, and no deviation 0")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip must be more than 0; received {self.clip}")

    def _specified(self, modality: str) -> dict[str, Any]:
        if modality not in self.specification:
            raise ValueError(
                f"{modality} is not expected; the modalities are {', '.join(self.specification)}"
            )
        return self.specification[modality]

    def _origin(self, modality: str) -> str:
        extractor = self.specification[modality].get("extractor")
        return f", as {extractor} gives it" if extractor else ""

    def _standardized(self, modality: str, values: np.ndarray) -> np.ndarray:
        if modality not in self.mean:
            return values
        values = (values - self.mean[modality]) / self.deviation[modality]
        return values if self.clip is None else np.clip(values, -self.clip, self.clip)


def _check_settings(modality: str, given: Mapping[str, Any], specified: Mapping[str, Any]) -> None:
    """Raises a `ValueError` for a setting of the extractor that both name and that differs."""
    key = differing_setting(given, specified, APART)
    if key is not None:
        raise ValueError(
            f"{modality} was extracted with {key} {given.get(key)}; expected "
            f"{specified.get(key)}, which the preprocessor was fitted on"
        )


def _check_raw(modality: str, dataset: Dataset) -> None:
    if dataset.description["features"][modality].get("standardized"):
        raise ValueError(
            f"{modality} is standardised already; pass the data set as it was read, or leave "
            f"{modality} out of standardize"
        )


def _statistics(
    modality: str, rows: Ragged, max_length: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each column; the deviation of a constant one is 1.

    The chunks' means and squares are joined as by Chan, Golub and LeVeque (1979).
    """
    rows = rows if max_length is None else rows.truncated(max_length)
    count, mean, square = 0, np.zeros(rows.dim), np.zeros(rows.dim)
    least, most = np.full(rows.dim, np.inf), np.full(rows.dim, -np.inf)
    for values in rows.chunks():
        if len(values):
            new, old, count = len(values), count, count + len(values)
            away = values.mean(axis=0, dtype="float64") - mean
            mean += away * (new / count)
            square += new * values.var(axis=0, dtype="float64") + away**2 * (old * new / count)
            least, most = (
                np.minimum(least, values.min(axis=0)),
                np.maximum(most, values.max(axis=0)),
            )
    if not count:
        raise ValueError(f"no row of the training part has {modality}")
    deviation = np.sqrt(square / count).astype("float32")
    constant = (least == most) | (deviation == 0)
    return mean.astype("float32"), np.where(constant, np.float32(1), deviation)
