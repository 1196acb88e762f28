"""From texts and features to scores, row by row."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer._dialogue_rows import consecutive, whole_dialogues
from keras_mer.data import Dataset, DialogueBatches, Preprocessor, Ragged, pad
from keras_mer.data._specification import differing_setting
from keras_mer.features import AudioEncoder, TextAdapters, TextEncoder, VideoEncoder
from keras_mer.features._buckets import bucket
from keras_mer.features._encoders import encoder_of
from keras_mer.layers._modalities import modality_order

DIALOGUE, ID = "dialogue", "id"
RAW = {"text": "text", "audio": "clips", "video": "clips"}
CLIPS = ("audio", "video")
SENTIMENTS = ("negative", "neutral", "positive")
NO_FEATURES = "no features; keras-mer extract makes them of clips and texts"
LOOK_AHEAD = 8  # batches, where nobody waits for the first result
NAMED_ROWS = 10  # in one error; the rest is counted

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Prediction:
    """What the model makes of one row.

    Attributes:
        score: of a regression, within the range of the labels, such as -3 to 3.
        label: of a classification, the most probable class; of a regression around
            zero, `negative` below 0, `positive` above, `neutral` at 0.
        probabilities: of a classification, one per class, summing to 1.
        shares: how much each modality decided, summing to 1; 0 for a missing one.
        error: why there is no result, in one sentence that starts with the row.
    """

    score: float | None = None
    label: str | None = None
    probabilities: Mapping[str, float] | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None

    @property
    def decided_by(self) -> str | None:
        """The modality with the largest share."""
        return max(self.shares, key=self.shares.__getitem__) if self.shares else None


class Predictor:
    """Scores raw texts, clips and features with a model of the zoo, or with one's own.

    Args:
        name_or_model: an entry of the zoo, such as `"cmmsf_mosi"` or its folder, or a model
            whose inputs are `text`, `text_mask` and so on.
        preprocessor: the scaling that the model was trained with. An entry brings its own.
        text_encoder: what turns texts into features. By default the one that the entry
            names, or all-MiniLM-L6-v2 for a model of one's own that reads 384 dimensions.
        audio_encoder: what turns clips into audio features; by default an `AudioEncoder`, if
            the entry says that its features come from one.
        video_encoder: as `audio_encoder`, a `VideoEncoder`.
        metadata: for a model of one's own, what an entry's metadata says of its results:
            `task` (`"regression"` or `"classification"`), `label_range`, `label_names`,
            and `trained_modalities`. A classifier that ends with neither softmax nor
            sigmoid is taken to give logits.

    Raises:
        ValueError: if the model, the encoder and the metadata do not fit together.

    Example:
        ```python
        predictor = keras_mer.Predictor("cmmsf_mosi")
        for prediction in predictor(text=["I loved it.", "It was far too long."]):
            print(prediction.score, prediction.label, prediction.decided_by)
        ```
    """

    def __init__(
        self,
        name_or_model: Any,
        preprocessor: Preprocessor | None = None,
        text_encoder: TextEncoder | None = None,
        metadata: Mapping[str, Any] | None = None,
        audio_encoder: AudioEncoder | None = None,
        video_encoder: VideoEncoder | None = None,
    ) -> None:
        adapters, self._missing = None, None
        if isinstance(name_or_model, str | Path):
            from keras_mer import zoo

            try:
                adapters = zoo.text_adapters(name_or_model)
            except ImportError as error:  # who gives features needs no encoder
                self._missing = error
            self.model = zoo.load(name_or_model)
            preprocessor = preprocessor or zoo.preprocessor(name_or_model)
            metadata = zoo.metadata(name_or_model) if metadata is None else metadata
        else:
            self.model = name_or_model
            metadata = getattr(self.model, "entry", None) if metadata is None else metadata
            _check_scaled(self.model, preprocessor)
        self.preprocessor = preprocessor
        self.metadata = {key: value for key, value in (metadata or {}).items() if value is not None}
        self._inputs = _model_inputs(self.model)
        self.reads_dialogues = bool(getattr(self.model, "reads_dialogues", False))
        self.modalities = tuple(self._inputs)
        self.trained_modalities = tuple(self.metadata.get("trained_modalities", self.modalities))
        self.encoders = self._found_encoders(
            {"text": text_encoder, "audio": audio_encoder, "video": video_encoder}, adapters
        )
        self._results = _Results.of(self.metadata, self.model)

    def __call__(
        self,
        text: Sequence[Any] | None = None,
        audio: Sequence[Any] | None = None,
        video: Sequence[Any] | None = None,
        errors: str = "raise",
        dialogue: Sequence[Any] | None = None,
    ) -> list[Prediction]:
        """One prediction per row.

        Args:
            text: strings, or arrays of text features as below.
            audio: per row the path of a clip, or a `(time, dim)` or `(dim,)` array of features.
            video: as `audio`. In all three, `None` in place of a row is a missing modality.
            errors: `"raise"` refuses bad rows with one error that names them; `"report"`
                scores the others and says in each bad row's `error` what is wrong.
            dialogue: for a model that reads utterances in their dialogue, per row the name of
                its dialogue. Rows of a dialogue follow one another, in the order in which
                they were said. By default all rows are one dialogue.

        Raises:
            ValueError: if the lists differ in length, if the model does not read or was
                not trained on a modality, if it reads no dialogues and `dialogue` is given, or,
                with `errors="raise"`, if a row is bad.
            TypeError: if a modality is not a list.
        """
        if errors not in ("raise", "report"):
            raise ValueError(f'`errors` must be "raise" or "report"; received {errors!r}')
        rows = self._rows({"text": text, "audio": audio, "video": video}, dialogue)
        predictions = list(self.predict_many(rows, look_ahead=LOOK_AHEAD))
        bad = [prediction.error for prediction in predictions if prediction.error]
        if bad and errors == "raise":
            more = f"; and {len(bad) - NAMED_ROWS} more" if len(bad) > NAMED_ROWS else ""
            raise ValueError(
                f"{len(bad)} of {len(rows)} rows cannot be scored: "
                f'{"; ".join(bad[:NAMED_ROWS])}{more}. errors="report" scores the others'
            )
        return predictions

    @property
    def label_names(self) -> tuple[str, ...]:
        """Of a classification, the classes in the order of the probabilities; else none."""
        return self._results.names if self._results.classification else ()

    @property
    def gives_logits(self) -> bool:
        """Whether the model's own outputs are logits and not yet probabilities."""
        return self._results.classification and self._results.logits

    def features(self, modality: str) -> Mapping[str, Any]:
        """What the features of a modality are that the model was trained on, as far as is known."""
        return self._features(modality)

    def inputs(
        self,
        text: Sequence[Any] | None = None,
        audio: Sequence[Any] | None = None,
        video: Sequence[Any] | None = None,
        dialogue: Sequence[Any] | None = None,
    ) -> dict[str, np.ndarray]:
        """What the model takes for these rows: padded arrays and masks; see `__call__`.

        Returns:
            Arrays with a row for each row given, or for each dialogue of a model that reads them.

        Raises:
            ValueError: if a row is bad.
        """
        rows = self._rows({"text": text, "audio": audio, "video": video}, dialogue)
        inputs, _ = self._arranged(self._encoded([self._checked(row) for row in rows]), rows)
        count = len(rows)
        if self.reads_dialogues:
            count = int(consecutive([row.get(DIALOGUE) for row in rows])[-1]) + 1
        return {name: values[:count] for name, values in inputs.items()}

    def _rows(
        self, given: Mapping[str, Sequence[Any] | None], dialogue: Sequence[Any] | None
    ) -> list[dict[str, Any]]:
        columns = {name: rows for name, rows in given.items() if rows is not None}
        self._check_columns(columns, dialogue)
        if dialogue is not None:
            columns[DIALOGUE] = dialogue
        return [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]

    def predict_many(
        self,
        rows: Iterable[Row | Exception],
        batch_size: int = 64,
        first_row: int = 0,
        look_ahead: int = 1,
    ) -> Iterator[Prediction]:
        """Predictions for a stream of any length, in order and in bounded memory.

        Args:
            rows: one dict per row, such as `{"text": ..., "audio": ...}`; what is absent
                or `None` is missing. An exception in place of a row, of a source that
                could not read it, becomes that row's `error`. A model that reads dialogues
                takes a `dialogue` beside these, the name of the row's dialogue; rows of the
                same name that follow one another are one, and are scored together. An `id`
                is passed over.
            batch_size: how many rows are scored at once; more, to the end of a dialogue.
            first_row: the number of the first row in error messages.
            look_ahead: how many batches of texts and features are read before the first is
                scored, so that rows of like length are scored together. More is faster, holds
                more, and makes the first results wait; a clip is never waited for.
        """
        if batch_size < 1 or look_ahead < 1:
            raise ValueError(
                "`batch_size` and `look_ahead` must be 1 or more; "
                f"received {batch_size} and {look_ahead}"
            )
        stream = iter(rows)
        if self.reads_dialogues:
            windows = whole_dialogues(stream, batch_size)
        else:
            windows = _windows(stream, batch_size, look_ahead)
        for window in windows:
            yield from self._predict_window(window, first_row, batch_size)
            first_row += len(window)

    def rows_of(self, dataset: Dataset) -> Iterator[dict[str, Any]]:
        """The rows of a data set of features, in its order, for `predict_many`.

        Features of a mapped data set are read row by row. Modalities that the model does not
        read are left out, and those that the data set lacks are missing.

        Args:
            dataset: features as they were extracted, before any scaling.

        Raises:
            ValueError: if the data set has none of the model's modalities, or one of them
                comes from another extractor or is scaled already.
        """
        names = [m for m in self.trained_modalities if m in dataset.features]
        if not names:
            raise ValueError(
                f"the model reads {_all_of(self.trained_modalities)}; the data set has "
                f"{_all_of(dataset.modalities) if dataset.modalities else NO_FEATURES}"
            )
        if self.preprocessor is not None:
            for name in names:
                self.preprocessor.check_origin(name, dataset)
        return self._each_row(dataset, names)

    def _each_row(self, dataset: Dataset, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        for index in range(len(dataset)):
            row = {name: dataset.features[name][index] for name in names}
            there = {name: steps for name, steps in row.items() if len(steps)}
            named = {ID: str(dataset.ids[index]), DIALOGUE: str(dataset.dialogues[index])}
            yield there | named

    def _predict_window(
        self, window: Sequence[Row | Exception], first: int, batch_size: int
    ) -> list[Prediction]:
        predictions: list[Prediction | None] = [None] * len(window)
        good: list[int] = []
        checked: list[dict[str, Any]] = []
        for index, row in enumerate(window):
            try:
                checked.append(self._checked(row))
                good.append(index)
            except ValueError as error:
                predictions[index] = Prediction(error=f"row {first + index}: {error}")
        if good:
            rows = [window[index] for index in good]
            for place, output, shares in self._scored(checked, rows, batch_size):
                index = good[place]
                predictions[index] = self._results.read(output, shares) or Prediction(
                    error=f"row {first + index}: the model gave no finite result"
                )
        return [prediction for prediction in predictions if prediction is not None]

    def _scored(
        self, checked: Sequence[Mapping[str, Any]], rows: Sequence[Any], batch_size: int
    ) -> Iterator[tuple[int, np.ndarray, dict[str, float]]]:
        """Each row's place, what the model gives for it, and the shares: short rows first."""
        features = self._encoded(checked)
        batches: list[np.ndarray] = [np.arange(len(rows))]
        if not self.reads_dialogues and len(rows) > batch_size:
            steps = np.sum([each.lengths for each in features.values()], axis=0)
            order = np.argsort(steps, kind="stable")
            batches = np.split(order, range(batch_size, len(order), batch_size))
        for places in batches:
            of_batch = {name: each.take(places) for name, each in features.items()}
            inputs, per_row = self._arranged(of_batch, [rows[place] for place in places])
            scores, decided = self._scoring(inputs)
            outputs = per_row(np.asarray(scores, dtype="float64"))
            shares = {m: per_row(x[..., None])[:, 0] for m, x in decided.items()}
            for index, place in enumerate(places):
                yield place, outputs[index], {m: float(own[index]) for m, own in shares.items()}

    @cached_property
    def _scoring(self) -> Any:
        from keras_mer._scoring import Scoring

        return Scoring(self.model)

    # Checks

    def _check_columns(self, columns: Mapping[str, Any], dialogue: Any = None) -> None:
        if dialogue is not None and not self.reads_dialogues:
            raise ValueError("the model reads every row by itself: leave dialogue out")
        if not columns:
            raise ValueError(f"nothing to score: give one or more of {_all_of(self.modalities)}")
        named = {**columns, **({} if dialogue is None else {DIALOGUE: dialogue})}
        for name, rows in named.items():
            if isinstance(rows, str | bytes | Mapping) or not isinstance(
                rows, Sequence | np.ndarray
            ):
                raise TypeError(
                    f"{name} must be a list with one item per row; "
                    f"received {type(rows).__name__}. Wrap a single row in a list"
                )
            if name != DIALOGUE and any(row is not None for row in rows):
                self._check_modality(name)
        lengths = {name: len(rows) for name, rows in named.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                "every modality must have as many rows as the others; received "
                + ", ".join(f"{count} of {name}" for name, count in lengths.items())
            )

    def _check_modality(self, name: str) -> None:
        if name not in self.modalities:
            raise ValueError(f"the model reads {_all_of(self.modalities)}, not {name}")
        if name not in self.trained_modalities:
            raise ValueError(
                f"the model was trained on {_all_of(self.trained_modalities)} alone, and "
                f"what it would make of {name} means nothing; leave {name} out"
            )

    def _checked(self, row: Row | Exception) -> dict[str, Any]:
        """The row's texts and `(time, dim)` arrays, or a `ValueError` without the row's number."""
        if isinstance(row, Exception):
            raise ValueError(str(row))
        if not isinstance(row, Mapping):
            raise ValueError(
                f"expected a dict of {_all_of(self.modalities)}; received {type(row).__name__}"
            )
        checked: dict[str, Any] = {}
        for name, value in row.items():
            if value is None or name in (DIALOGUE, ID):
                continue
            self._check_modality(name)
            if isinstance(value, str if name == "text" else str | os.PathLike):
                value = self._checked_raw(name, value)
            checked[name] = value if isinstance(value, str) else self._checked_array(name, value)
        if not checked:
            raise ValueError(f"nothing to score, {_all_of(self.modalities)} are all missing")
        return checked

    def _checked_raw(self, name: str, value: Any) -> Any:
        """A text as it is, a clip as features: one that cannot be read is its row's error."""
        encoder = self.encoders.get(name)
        if encoder is None:
            if name == "text" and self._missing is not None:
                raise self._missing
            known = self._features(name)
            tuned = " of a tuned encoder" if known.get("adapters") else ""
            raise ValueError(
                f"the model reads {known.get('extractor') or self._inputs[name][1]} {name} "
                f"features{tuned} and no {RAW.get(name, 'clips')}; give arrays of them, or "
                f"{'an' if name == 'audio' else 'a'} {name}_encoder"
            )
        if name == "text":
            if not any(letter.isprintable() and not letter.isspace() for letter in value):
                raise ValueError("the text is empty; a missing text is None (null in JSON)")
            return value
        try:
            return encoder.encode([value])[0]
        except OSError as error:
            raise ValueError(str(error)) from None

    def _checked_array(self, name: str, value: Any) -> np.ndarray:
        _, dimension = self._inputs[name]
        expected = f"expected an array of numbers, (time, {dimension}) or ({dimension},)"
        if name in self.encoders:
            raw = "a text" if name == "text" else "the path of a clip"
            expected = f"expected {raw}, or {expected.removeprefix('expected ')}"
        try:
            array = np.asarray(value)
            if array.dtype.kind not in "fiu" or not array.ndim:
                raise TypeError
            with np.errstate(over="ignore"):  # becomes infinite, and is named below
                array = array.astype("float32")
        except (TypeError, ValueError):
            raise ValueError(f"{name}: {expected}; received {_kind(value)}") from None
        if array.ndim not in (1, 2) or array.shape[-1] != dimension or not array.size:
            raise ValueError(f"{name}: {expected}; received the shape {array.shape}")
        array = np.atleast_2d(array)
        if not np.isfinite(array).all():
            step, column = np.argwhere(~np.isfinite(array))[0]
            raise ValueError(
                f"{name}: the value at step {step}, dimension {column} is {array[step, column]}; "
                "expected finite numbers"
            )
        if self.preprocessor is not None:
            self.preprocessor.check(name, array)
        return array

    def _features(self, name: str) -> Mapping[str, Any]:
        """What the features are that the model was trained on, as far as is known."""
        named = self.metadata.get("features", {}).get(name)
        if named is None and self.preprocessor is not None:
            named = self.preprocessor.specification.get(name)
        return named or {}

    def _found_encoders(
        self, given: Mapping[str, Any], adapters: TextAdapters | None
    ) -> dict[str, Any]:
        """Per modality the encoder that was given, or the one of ours its features come from."""
        found = {}
        for name, own in given.items():
            encoder = own or self._named_encoder(name, adapters)
            if encoder is not None:
                self._check_encoder(name, encoder)
                found[name] = encoder
        return found

    def _named_encoder(self, name: str, adapters: TextAdapters | None) -> Any:
        if name not in self._inputs:
            return None
        try:
            encoder = encoder_of(name, self._features(name), adapters=adapters)
        except ValueError:
            return None
        return encoder if self._inputs[name][1] == encoder.dimension else None

    def _check_encoder(self, name: str, encoder: Any) -> None:
        if name not in self._inputs:
            raise ValueError(
                f"the model reads {_all_of(self.modalities)}; it takes no {name} encoder"
            )
        wanted, given = self._features(name), encoder.specification
        if given["dimension"] != self._inputs[name][1]:
            raise ValueError(
                f"the model reads {name} of {self._inputs[name][1]} dimensions; the {name} encoder "
                f"gives {given['dimension']}"
            )
        key = differing_setting(given, wanted)
        if key is not None:
            raise ValueError(
                f"the model was trained on {name} features with {key} {wanted.get(key)}; "
                f"the {name} encoder has {key} {given.get(key)}"
            )

    # From checked rows to the model's inputs

    def _encoded(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Ragged]:
        features: dict[str, Ragged] = {}
        for name, (_, dimension) in self._inputs.items():
            arrays = [row.get(name) for row in rows]
            if name == "text" and name in self.encoders:
                texts = [text if isinstance(text, str) else None for text in arrays]
                if any(text is not None for text in texts):
                    encoded = self.encoders[name].encode(texts, progress=False)
                    arrays = [
                        array if text is None else encoded[place]
                        for place, (array, text) in enumerate(zip(arrays, texts, strict=True))
                    ]
            features[name] = Ragged.from_list(arrays, dim=dimension)
            if self.preprocessor is not None and len(features[name].values):
                features[name] = self.preprocessor.transform(name, features[name])
        return features

    def _arranged(
        self, features: Mapping[str, Ragged], rows: Sequence[Any]
    ) -> tuple[dict[str, np.ndarray], Callable[[np.ndarray], np.ndarray]]:
        """The model's inputs, and what picks the rows' results from its outputs."""
        if not self.reads_dialogues:
            return self._padded(features), lambda outputs: outputs
        dialogues = consecutive([row.get(DIALOGUE) for row in rows])
        numbers = np.arange(len(dialogues))
        batches = DialogueBatches(features, numbers, dialogues, batch_size=len(dialogues))
        inputs: dict[str, np.ndarray] = batches[0][0]
        return {name: _filled_up(x, _few(x.shape[1])) for name, x in inputs.items()}, (
            batches.utterances
        )

    def _padded(self, features: Mapping[str, Ragged]) -> dict[str, np.ndarray]:
        """Inputs of one of few shapes; rows beyond the batch are wholly missing."""
        inputs = {}
        for name, rows in features.items():
            length = self._inputs[name][0] or _few(int(rows.lengths.max(initial=1)))
            values, mask = pad(rows, length=length, dim=rows.dim)
            inputs[name] = _filled_up(values, length)
            inputs[f"{name}_mask"] = _filled_up(mask, length)
        return inputs


@dataclass(frozen=True)
class _Results:
    """How a row of the model's output is read."""

    classification: bool
    names: tuple[str, ...]
    label_range: tuple[float, float] | None
    logits: bool

    @classmethod
    def of(cls, metadata: Mapping[str, Any], model: Any) -> "_Results":
        units = int(model.output_shape[-1])
        task = metadata.get("task", "regression" if units == 1 else "classification")
        if task not in ("regression", "classification"):
            raise ValueError(f'task must be "regression" or "classification"; received {task!r}')
        if task == "regression" and units != 1:
            raise ValueError(
                f"the metadata says regression, and the model has {units} outputs; "
                'for a classifier pass metadata={"task": "classification", "label_names": [...]}'
            )
        classification = task == "classification"
        limits = metadata.get("label_range")
        label_range = (float(limits[0]), float(limits[1])) if limits else None
        names = tuple(str(name) for name in metadata.get("label_names") or ())
        if classification:
            classes = max(units, 2)
            names = names or tuple(str(index) for index in range(classes))
            if len(names) != classes:
                raise ValueError(
                    f"the model has {classes} classes; label_names has {len(names)}: "
                    f"{', '.join(names)}"
                )
        elif label_range and label_range[0] < 0 < label_range[1]:
            names = names if len(names) == len(SENTIMENTS) else SENTIMENTS
        else:
            names = ()
        return cls(classification, names, label_range, _gives_logits(model))

    def read(self, output: np.ndarray, shares: Mapping[str, float]) -> Prediction | None:
        output = np.atleast_1d(output)
        if not np.isfinite(output).all():
            return None
        return self._class(output, shares) if self.classification else self._score(output, shares)

    def _score(self, output: np.ndarray, shares: Mapping[str, float]) -> Prediction:
        score = float(output[0])
        if self.label_range:
            score = min(max(score, self.label_range[0]), self.label_range[1])
        label = self.names[1 + int(np.sign(score))] if self.names else None
        return Prediction(score=score, label=label, shares=shares)

    def _class(self, output: np.ndarray, shares: Mapping[str, float]) -> Prediction:
        if len(output) == 1:
            one = (1.0 + np.tanh(output[0] / 2.0)) / 2.0 if self.logits else output[0]
            output = np.array([1.0 - one, one])
        elif self.logits:
            output = np.exp(output - output.max())
            output /= output.sum()
        probabilities = dict(zip(self.names, output.tolist(), strict=True))
        label = max(probabilities, key=probabilities.__getitem__)
        return Prediction(label=label, probabilities=probabilities, shares=shares)


def _few(steps: int) -> int:
    """As many steps or more, one of few numbers."""
    return bucket(steps, smallest=8)


def _windows(
    stream: Iterator[Row | Exception], batch_size: int, look_ahead: int
) -> Iterator[list[Row | Exception]]:
    """A few batches at a time; one, where a row is a clip, which takes long to read."""
    while window := list(islice(stream, batch_size)):
        for _ in range(look_ahead - 1):
            if any(_is_clip(row) for row in window[-batch_size:]):
                break
            window += islice(stream, batch_size)
        yield window


def _is_clip(row: Row | Exception) -> bool:
    if not isinstance(row, Mapping):
        return False
    return any(isinstance(row.get(name), str | os.PathLike) for name in CLIPS)


def _filled_up(array: np.ndarray, steps: int) -> np.ndarray:
    """(rows, steps, ...) with zeros after the rows and steps that there are."""
    rows = bucket(len(array)) - len(array)
    beyond = [(0, rows), (0, steps - array.shape[1])]
    return np.pad(array, beyond + [(0, 0)] * (array.ndim - 2))


def _model_inputs(model: Any) -> dict[str, tuple[int | None, int]]:
    """Of each modality that the model reads: its fixed number of steps, if any, and its width."""
    inputs = getattr(model, "input", None)
    if not isinstance(inputs, Mapping):
        raise ValueError(
            "expected the name of an entry, or a functional model whose inputs are a dict such "
            f"as text, text_mask; received {type(model).__name__}"
        )
    return {
        name: (inputs[name].shape[1], int(inputs[name].shape[-1]))
        for name in modality_order(name for name in inputs if f"{name}_mask" in inputs)
    }


def _check_scaled(model: Any, preprocessor: Preprocessor | None) -> None:
    entry = getattr(model, "entry", None) or {}
    if preprocessor is None and "preprocessor.json" in entry.get("files", {}):
        raise ValueError(
            f'the model was trained on scaled features: pass the name "{entry.get("name")}" in '
            f'place of the model, or preprocessor=zoo.preprocessor("{entry.get("name")}")'
        )


def _gives_logits(model: Any) -> bool:
    """Whether the model ends with neither softmax nor sigmoid, changes of dtype aside."""
    if hasattr(model, "system"):  # what a dialogue stands around
        model = model.system
    for operation in reversed(model.operations):
        activation = getattr(operation, "activation", None)
        name = getattr(activation, "__name__", type(operation).__name__).lower()
        passes_on = name in ("identity", "cast") or (
            name == "linear" and type(operation).__name__ == "Activation"
        )
        if not passes_on:
            return name not in ("softmax", "sigmoid")
    return True


def _all_of(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _kind(value: Any) -> str:
    shown = repr(value)
    return f"{type(value).__name__} {shown if len(shown) <= 40 else shown[:37] + '...'}"
