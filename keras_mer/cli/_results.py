"""Predictions as a table, as CSV, or as one JSON object per line, each written as it comes."""

import csv
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console, OverflowMethod
from rich.text import Text

if TYPE_CHECKING:
    from keras_mer.predictor import Prediction

Write = Callable[[int, Any, "Prediction"], None]

COLUMNS = ("row", "score", "label", "probability", "decided_by", "share", "error")
RAW = ("text", "audio", "video")
NAMED = ("id",)
COLOURS = {"negative": "red", "positive": "green"}
DIGITS = 6


def writer(output: str, file: TextIO, shown: Sequence[str] = RAW) -> Write:
    """What writes one result to `file`, as `table`, `json` or `csv`.

    Args:
        shown: what is repeated of each row: its texts and paths of clips, or its name.
    """
    return {"table": _table, "json": _json, "csv": _csv}[output](file, shown)


def _strings(row: Any, shown: Sequence[str]) -> dict[str, str]:
    """What is shown of a row, by name: its text, paths of clips, or name."""
    return {m: row[m] for m in shown if isinstance(row, dict) and isinstance(row.get(m), str)}


def _best(prediction: "Prediction") -> tuple[float | None, float | None]:
    """The label's probability, and the share of the modality that decided."""
    probability = share = None
    if prediction.probabilities and prediction.label is not None:
        probability = prediction.probabilities[prediction.label]
    if prediction.decided_by is not None:
        share = prediction.shares[prediction.decided_by]
    return probability, share


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _table(file: TextIO, shown: Sequence[str]) -> Write:
    console = Console(file=file, soft_wrap=False, highlight=False)
    heading: list[str] = []

    def write(number: int, row: Any, prediction: "Prediction") -> None:
        if prediction.error:  # said on the standard error
            return
        if not heading:
            heading.append("score" if prediction.score is not None else "prob.")
            console.print(
                f"{'row':>5}  {heading[0]:>6}  {'label':<10}  {'decided by':<12}  "
                + (", ".join(_strings(row, shown)) or "features"),
                style="bold",
                no_wrap=True,
                markup=False,
            )
        probability, share = _best(prediction)
        value = f"{prediction.score:+.2f}" if prediction.score is not None else f"{probability:.2f}"
        decided = f"{prediction.decided_by} {share:.0%}" if share is not None else ""
        label = prediction.label or ""
        line = Text(f"{number:>5}  {value:>6}  ")
        line.append(f"{label:<10}", style=COLOURS.get(label, ""))
        said = [" ".join(raw.split()) for raw in _strings(row, shown).values()]
        line.append(f"  {decided:<12}  {', '.join(said)}")
        # In a file or a pipe, nobody is to lose the end of a line.
        whole = not console.is_terminal
        overflow: OverflowMethod = "ignore" if whole else "ellipsis"
        console.print(line, no_wrap=True, overflow=overflow, crop=not whole)

    return write


def _json(file: TextIO, shown: Sequence[str]) -> Write:
    def write(number: int, row: Any, prediction: "Prediction") -> None:
        result: dict[str, Any] = {"row": number}
        result.update({name: raw for name, raw in _strings(row, shown).items() if raw})
        if prediction.error:
            result["error"] = prediction.error
        else:
            if prediction.score is not None:
                result["score"] = _rounded(prediction.score)
            if prediction.label is not None:
                result["label"] = prediction.label
            for name in ("probabilities", "shares"):
                values = getattr(prediction, name)
                if values:
                    result[name] = {key: _rounded(value) for key, value in values.items()}
            result["decided_by"] = prediction.decided_by
        file.write(json.dumps(result, ensure_ascii=False) + "\n")

    return write


def _csv(file: TextIO, shown: Sequence[str]) -> Write:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow([*COLUMNS, *shown])

    def write(number: int, row: Any, prediction: "Prediction") -> None:
        probability, share = _best(prediction)
        values = (
            number,
            _rounded(prediction.score),
            prediction.label,
            _rounded(probability),
            prediction.decided_by,
            _rounded(share),
            prediction.error,
            *(_strings(row, shown).get(name) for name in shown),
        )
        rows.writerow("" if value is None else value for value in values)

    return write
