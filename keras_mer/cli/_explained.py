"""What `keras-mer explain` shows: records for the file and the table, and pictures."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_mer._dialogue_rows import consecutive
from keras_mer.cli._command import say

if TYPE_CHECKING:
    from keras_mer.explain import FusionReading
    from keras_mer.predictor import Prediction, Predictor

Record = dict[str, Any]
Shown = tuple[list[Record], list[Path]]  # and the pictures that were written


@dataclass(frozen=True)
class Explained:
    """Rows that are to be explained, as the model takes them.

    Attributes:
        name: of the entry.
        rows: what the user gave.
        predictions: one per row.
        inputs: the model's arrays, of all rows.
        places: per row, its row in the arrays and, in a dialogue, its utterance.
        chosen: the rows that are explained.
        outputs: per row the output that is, `None` for the only one.
        quantities: per row what that is, such as "probability of joy".
    """

    name: str
    predictor: "Predictor"
    rows: Sequence[Any]
    predictions: Sequence["Prediction"]
    inputs: Mapping[str, np.ndarray]
    places: Sequence[tuple[int, int]]
    chosen: Sequence[int]
    outputs: Sequence[int]
    quantities: Sequence[str]

    @classmethod
    def of(
        cls,
        name: str,
        predictor: "Predictor",
        rows: Sequence[Any],
        label: str | None,
        row: int | None,
    ) -> "Explained":
        """Scores the rows, and says in one error which of them cannot be.

        Raises:
            ValueError: if there are none, one is bad, or there is no such label or row.
        """
        predictions = list(predictor.predict_many(rows, first_row=1))
        bad = [prediction.error for prediction in predictions if prediction.error]
        if bad or not rows:
            raise ValueError("; ".join(bad[:10]) or "there are no rows to explain")
        if row is not None and not 1 <= row <= len(rows):
            raise ValueError(f"there are the rows 1 to {len(rows)}; received --row {row}")
        places, names = _places(predictor, rows)
        columns = {
            m: [each.get(m) for each in rows]
            for m in predictor.modalities
            if any(each.get(m) is not None for each in rows)
        }
        dialogue = {"dialogue": names} if predictor.reads_dialogues else {}
        outputs, quantities = _quantities(predictor, predictions, label)
        chosen = _chosen(predictor, places) if row is None else [row - 1]
        inputs = predictor.inputs(**columns, **dialogue)
        return cls(name, predictor, rows, predictions, inputs, places, chosen, outputs, quantities)

    @property
    def modalities(self) -> list[str]:
        """Those that the model was trained on."""
        return [m for m in self.predictor.modalities if m in self.predictor.trained_modalities]

    def label(self, row: int) -> str:
        """What stands beside a row: its text, or the names of its clips."""
        given = self.rows[row]
        text = given.get("text")
        clips = [Path(given[m]).name for m in ("audio", "video") if isinstance(given.get(m), str)]
        return text if isinstance(text, str) else ", ".join(clips) or f"row {row + 1}"

    def value(self, row: int) -> float:
        """The score of a row, or the probability of its label."""
        prediction = self.predictions[row]
        if prediction.probabilities is not None:
            return prediction.probabilities[str(prediction.label)]
        return float(prediction.score or 0)

    def real(self, modality: str, row: int) -> np.ndarray:
        """The mask of a modality in a row of the arrays."""
        mask: np.ndarray = self.inputs[f"{modality}_mask"][self.places[row][0]]
        return mask

    def names(self, modality: str, row: int) -> list[str] | None:
        """What the real steps are, if that is known: word pieces, or the lines of the dialogue."""
        steps = int(self.real(modality, row).sum())
        if self.predictor.reads_dialogues:
            mask = self.real(modality, row)
            place = self.places[row][0]
            lines = [r for r, (other, _) in enumerate(self.places) if other == place]
            return [self.label(r) for r in lines if mask[self.places[r][1]]]
        encoder = self.predictor.encoders.get(modality)
        given = self.rows[row].get(modality)
        if encoder is None or not hasattr(encoder, "tokens") or not isinstance(given, str):
            return None
        pieces: list[str] = encoder.tokens([given])[0]
        return pieces if len(pieces) == steps else None

    def seconds(self, modality: str) -> float | None:
        """The length of a step, if the features' specification knows it."""
        known = self.predictor.features(modality)
        if self.predictor.reads_dialogues or "statistics" in known:
            return None
        rate = known.get("frames_per_second")
        return float(known["hop"]) if known.get("hop") else 1 / float(rate) if rate else None


def _places(predictor: "Predictor", rows: Sequence[Any]) -> tuple[list[tuple[int, int]], list[Any]]:
    names = [row.get("dialogue") for row in rows]
    if not predictor.reads_dialogues:
        return [(place, 0) for place in range(len(rows))], names
    numbers = consecutive(names)
    starts = {number: int(np.argmax(numbers == number)) for number in set(numbers.tolist())}
    return [(int(n), place - starts[int(n)]) for place, n in enumerate(numbers)], numbers.tolist()


def _chosen(predictor: "Predictor", places: Sequence[tuple[int, int]]) -> list[int]:
    """All rows; of a dialogue its last line."""
    if not predictor.reads_dialogues:
        return list(range(len(places)))
    last = {dialogue: row for row, (dialogue, _) in enumerate(places)}
    return list(last.values())


def _quantities(
    predictor: "Predictor", predictions: Sequence["Prediction"], label: str | None
) -> tuple[list[int], list[str]]:
    names = predictor.label_names
    if label is not None and label not in names:
        known = f"knows {', '.join(names)}" if names else "gives scores and no labels"
        raise ValueError(f"the model {known}; received --label {label}")
    if not names:
        return [0] * len(predictions), ["score"] * len(predictions)
    said = [label or str(prediction.label) for prediction in predictions]
    kind = "logit" if predictor.gives_logits else "probability"
    if predictor.model.output_shape[-1] == 1:  # of the second of two classes
        return [0] * len(said), [f"{kind} of {names[1]}"] * len(said)
    return [names.index(each) for each in said], [f"{kind} of {each}" for each in said]


def most_telling(explained: Explained) -> str:
    """Gates where a mask-gated fusion joins several modalities, else steps, else modalities."""
    from keras_mer.explain.fusion_reading import is_mask_gated

    if is_mask_gated(explained.predictor.model) and len(explained.modalities) > 1:
        return "gates"
    several = any(
        explained.real(m, r).sum() > 1 for m in explained.modalities for r in explained.chosen
    )
    return "steps" if several else "modalities"


def gates(explained: Explained, picture: Path) -> Shown:
    """Shares and open gates of all chosen rows, in one picture; the numbers also by step."""
    from keras_mer.explain import draw_gates, fusion_reading
    from keras_mer.explain.draw_gates import ROWS

    reading = fusion_reading(explained.predictor.model, explained.inputs)
    chosen, labels = explained.chosen, bool(explained.predictor.label_names)
    shown = _fitting(chosen, ROWS)
    predictions = [explained.predictions[row] for row in shown]
    draw_gates(
        [explained.label(row) for row in shown],
        [explained.value(row) for row in shown],
        reading.rows(list(shown)),
        picture,
        title=f"{explained.name}: scores and gates",
        said=[str(prediction.label) for prediction in predictions] if labels else None,
    )
    return [record for row in chosen for record in _of_gates(explained, reading, row)], [picture]


def _of_gates(explained: Explained, reading: "FusionReading", row: int) -> list[Record]:
    """A record per modality, and then one per direction and step of a residual gating."""
    known: Record = {"row": row + 1, "label": explained.predictions[row].label}
    records = []
    for m, share in reading.shares.items():
        opened = float(reading.openness[m][row]) if reading.openness else None
        records.append({**known, "modality": m, "share": float(share[row]), "openness": opened})
    named = ("direction", "step", "remembers", "learns")
    for direction, read in reading.steps.items():
        for step in range(read["learn"].shape[1]):
            means = [float(read[name][row, step].mean()) for name in ("remember", "learn")]
            values = dict(zip(named, (direction, step + 1, *means), strict=True))
            records.append({**known, "modality": None, **values})
    columns = [*records[0], *(named if reading.steps else ())]
    return [dict.fromkeys(columns) | record for record in records]


def modalities(explained: Explained, picture: Path) -> Shown:
    """Shapley values of all chosen rows, in one picture."""
    from keras_mer.explain import draw_shapley, shapley_values
    from keras_mer.explain.draw_shapley import ROWS

    which = np.zeros(explained.inputs[f"{explained.modalities[0]}_mask"].shape, int)
    if not explained.predictor.reads_dialogues:
        which = which[:, 0]
    at = [place if which.ndim == 2 else place[0] for place in explained.places]
    for row, place in enumerate(at):
        which[place] = explained.outputs[row]
    found = shapley_values(explained.predictor.model, explained.inputs, which)

    def of(rows: Sequence[int], x: np.ndarray) -> np.ndarray:
        return np.array([x[at[row]] for row in rows])

    def part(rows: Sequence[int]) -> Any:
        values = {m: of(rows, found.values[m]) for m in explained.modalities}
        base, prediction = of(rows, found.base), of(rows, found.prediction)
        return replace(found, values=values, base=base, prediction=prediction)

    shown = _fitting(explained.chosen, ROWS)
    draw_shapley(
        [explained.label(row) for row in shown],
        part(shown),
        picture,
        [explained.quantities[row] for row in shown],
        title=f"{explained.name}: what each modality adds",
    )
    records = [
        {
            "row": row + 1,
            "quantity": explained.quantities[row],
            "nothing_given": float(found.base[at[row]]),
            "modality": m,
            "adds": float(found.values[m][at[row]]),
            "prediction": float(found.prediction[at[row]]),
        }
        for row in explained.chosen
        for m in explained.modalities
    ]
    return records, [picture]


def steps(explained: Explained, picture: Path) -> Shown:
    """Integrated gradients of each chosen row, a picture for each."""
    from keras_mer.explain import draw_time_steps, integrated_gradients

    records: list[Record] = []
    pictures = []
    rows = np.array([explained.places[row][0] for row in explained.chosen])
    utterances = [explained.places[row][1] for row in explained.chosen]
    found = integrated_gradients(
        explained.predictor.model,
        {name: x[rows] for name, x in explained.inputs.items()},
        output=[explained.outputs[row] for row in explained.chosen],
        utterance=utterances if explained.predictor.reads_dialogues else None,
    )
    kind = "line" if explained.predictor.reads_dialogues else "step"
    for place, row in enumerate(explained.chosen):
        known = {m: explained.names(m, row) for m in explained.modalities}
        values = {m: found.importance[m][place][explained.real(m, row)] for m in known}
        seconds = {m: explained.seconds(m) for m in known}
        pictures.append(_numbered(picture, explained, row))
        draw_time_steps(
            values,
            pictures[-1],
            names={m: names for m, names in known.items() if names},
            seconds={m: length for m, length in seconds.items() if length},
            quantity=explained.quantities[row],
            sums=(float(found.baseline[place]), float(found.prediction[place])),
            title=_title(explained, row, f"what each {kind} adds"),
        )
        for m, x in values.items():
            for step, value in enumerate(x):
                record: Record = {"row": row + 1, "quantity": explained.quantities[row]}
                record |= {"modality": m, "step": step + 1}
                record["name"] = _at(known[m], step)
                length = seconds[m]
                record["seconds"] = None if length is None else round(step * length, 6)
                records.append(record | {"adds": float(value)})
    return records, pictures


def attention(explained: Explained, picture: Path) -> Shown:
    """Attention of each chosen row, a picture for each and for each pair of modalities."""
    from keras_mer.explain import attention_reading, draw_attention

    reading = attention_reading(explained.predictor.model, explained.inputs)
    records: list[Record] = []
    pictures = []
    kind = reading.between.removesuffix("s")
    for row in explained.chosen:
        tables = {pair: x[explained.places[row][0]] for pair, x in reading.weights.items()}
        seen = {pair: x for pair, x in tables.items() if x.any()}
        if not seen:
            raise ValueError(
                f"row {row + 1}: no modality has another to look at; give two or more of "
                f"{', '.join(explained.modalities)}, or choose --what steps"
            )
        for (m, n), table in seen.items():
            names: dict[str, list[str] | None] = {m: None, n: None}
            if reading.between == "steps":
                looking, source = table.any(axis=1), table.any(axis=0)
                names = {
                    which: _step_names(explained, reading.names, which, row, real)
                    for which, real in ((m, looking), (n, source))
                }
                table = table[looking][:, source]
            extra = f"-{m}-{n}" if len(seen) > 1 else ""
            title = _title(explained, row, _said_of(m, n, reading.between))
            pictures.append(_numbered(picture, explained, row, extra))
            draw_attention(table, pictures[-1], names[m], names[n], (m, n), title, reading.between)
            for (step, other), weight in np.ndenumerate(table):
                record: Record = {"row": row + 1, "modality": m, kind: step + 1}
                record["name"] = _at(names[m], step)
                record |= {"looks_at": n, f"other_{kind}": other + 1}
                record["other_name"] = _at(names[n], other)
                records.append(record | {"weight": float(weight)})
    return records, pictures


WAYS: dict[str, Callable[[Explained, Path], Shown]] = {
    "gates": gates,
    "modalities": modalities,
    "steps": steps,
    "attention": attention,
}


def _said_of(modality: str, other: str, between: str) -> str:
    if between == "features":
        return f"how {modality} goes with {'itself' if modality == other else other}"
    return f"{modality} looks at {other}" if modality != other else "its fusion"


def _step_names(
    explained: Explained,
    parts: Mapping[str, list[str]],
    modality: str,
    row: int,
    real: np.ndarray,
) -> list[str] | None:
    if modality in parts:
        return [name for name, there in zip(parts[modality], real, strict=True) if there]
    names = explained.names(modality, row)
    return names if names is not None and len(names) == real.sum() else None


def _at(names: Sequence[str] | None, place: int) -> str | None:
    return None if names is None else names[place]


def _fitting(rows: Sequence[int], most: int) -> Sequence[int]:
    if len(rows) > most:
        say(f"the picture shows the first {most} of {len(rows)} rows; --out writes all")
    return rows[:most]


def _title(explained: Explained, row: int, what: str) -> str:
    number = f", row {row + 1}" if len(explained.rows) > 1 else ""
    whole = f"{explained.name}{number}: {what}"
    return textwrap.fill(whole, 48)


def _numbered(picture: Path, explained: Explained, row: int, extra: str = "") -> Path:
    number = f"-{row + 1}" if len(explained.chosen) > 1 else ""
    return picture.with_name(f"{picture.stem}{number}{extra}{picture.suffix}")
