"""`keras-mer explain`: what decided, in numbers and as pictures."""

import csv
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_mer._files import written_aside
from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, Entry, command
from keras_mer.cli._rows import (
    DIALOGUE,
    AudioColumn,
    Audios,
    DialogueColumn,
    Input,
    TextColumn,
    Texts,
    VideoColumn,
    Videos,
    given_rows,
)
from keras_mer.cli._tables import show

if TYPE_CHECKING:
    from keras_mer.cli._explained import Explained

LINES = 20  # of a table; a file has all
FORMATS = (".json", ".csv")


class What(StrEnum):
    """What is explained."""

    gates = "gates"
    modalities = "modalities"
    steps = "steps"
    attention = "attention"


@command
def explain(
    name: Entry,
    text: Texts = None,
    audio: Audios = None,
    video: Videos = None,
    input: Input = None,
    text_column: TextColumn = None,
    audio_column: AudioColumn = None,
    video_column: VideoColumn = None,
    dialogue_column: DialogueColumn = None,
    what: Annotated[
        What | None,
        typer.Option(
            help="gates: what those of CMMSF, MCIHN or MSRG let through; modalities: what each "
            "adds (Shapley values); steps: what each word or moment adds (integrated gradients); "
            "attention: which steps look at which. The most telling one by default."
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The class that is explained; the predicted one by default.")
    ] = None,
    row: Annotated[
        int | None,
        typer.Option(help="Explain this row alone, from 1; of a dialogue, the last by default."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="The picture to write, .png, .pdf or .svg; gates.png, ... by default."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A file for the numbers, .json or .csv.")] = None,
    debug: Debug = False,
) -> None:
    """Score rows, and show in numbers and pictures what decided.

    Gates and modalities of all rows are one picture; steps and attention are a picture per row,
    numbered if there are several.
    """
    if out is not None and out.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"--out must end in {' or '.join(FORMATS)}; received {out}")
    given = {"text": text, "audio": audio, "video": video}
    columns = {"text": text_column, "audio": audio_column, "video": video_column}
    with given_rows(given, input, columns | {DIALOGUE: dialogue_column}) as source:
        rows = list(source)
    with quiet_start():
        from keras_mer.cli._explained import WAYS, Explained, most_telling
        from keras_mer.predictor import Predictor

        predictor = Predictor(name)
    explained = Explained.of(name, predictor, rows, label, row)
    chosen = what.value if what else most_telling(explained)
    path = picture or Path(f"{chosen}.png")
    records, pictures = WAYS[chosen](explained, path)
    show(_gates_table(explained, records) if chosen == What.gates else _table(records))
    if out is not None:
        _write(out, name, chosen, records)
    for written in [*pictures, *([out] if out else [])]:
        typer.echo(f"wrote {written}")


def _gates_table(explained: "Explained", records: Sequence[Mapping[str, Any]]) -> Any:
    """A line per row, with the shares and gates of each modality."""
    from rich.table import Table

    from keras_mer.explain.fusion_reading import is_mask_gated

    records = [record for record in records if record["modality"]]  # a file has the steps too
    modalities = list(dict.fromkeys(record["modality"] for record in records))
    openness = "gates open" if is_mask_gated(explained.predictor.model) else "weight"
    classes = bool(explained.predictor.label_names)
    table = Table("text", "probability" if classes else "score", "label")
    for modality in modalities:
        table.add_column(f"{modality}: share, {openness}", justify="right")
    for start in range(0, len(records), len(modalities)):
        own = records[start : start + len(modalities)]
        row = own[0]["row"] - 1
        shares = [
            ", ".join(
                f"{100 * each[n]:.0f} %" for n in ("share", "openness") if each[n] is not None
            )
            for each in own
        ]
        value = explained.value(row)
        shown = f"{value:.2f}" if classes else f"{value:+.2f}"
        table.add_row(explained.label(row), shown, explained.predictions[row].label, *shares)
    return table


def _table(records: Sequence[Mapping[str, Any]]) -> Any:
    """The records with the largest numbers, in their order."""
    from rich.table import Table

    last = list(records[0])[-1] if "adds" not in records[0] else "adds"
    largest = sorted(range(len(records)), key=lambda place: -abs(records[place][last]))[:LINES]
    shown = [records[place] for place in sorted(largest)]
    names = [n for n in records[0] if any(record[n] is not None for record in shown)]
    some = None
    if len(shown) < len(records):
        some = f"the largest {len(shown)} of {len(records)}; --out writes all"
    table = Table(*names, caption=some)
    for record in shown:
        table.add_row(*(_cell(record[n]) for n in names))
    return table


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:+.3f}" if isinstance(value, float) else str(value)


def _write(out: Path, name: str, what: str, records: Sequence[Mapping[str, Any]]) -> None:
    with written_aside(out) as path, open(path, "w", encoding="utf-8", newline="") as file:
        if out.suffix.lower() == ".json":
            content = {"entry": name, "what": what, "records": records}
            json.dump(content, file, ensure_ascii=False, indent=1)
        else:
            rows = csv.DictWriter(file, list(records[0]), lineterminator="\n")
            rows.writeheader()
            rows.writerows(records)
