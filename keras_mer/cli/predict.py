"""`keras-mer predict`: from texts, clips and features to scores."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from keras_mer._files import written_aside
from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, Entry, command, say
from keras_mer.cli._results import NAMED, RAW, writer
from keras_mer.cli._rows import (
    DIALOGUE,
    AudioColumn,
    Audios,
    DialogueColumn,
    Input,
    Row,
    TextColumn,
    Texts,
    VideoColumn,
    Videos,
    given_rows,
)

DATA_SETS = (".npz", ".pkl", ".pickle")

if TYPE_CHECKING:
    from keras_mer.data import Dataset
    from keras_mer.predictor import Prediction, Predictor


class Output(StrEnum):
    """How results are written."""

    table = "table"
    json = "json"
    csv = "csv"


@command
def predict(
    name: Entry,
    text: Texts = None,
    audio: Audios = None,
    video: Videos = None,
    input: Input = None,
    text_column: TextColumn = None,
    audio_column: AudioColumn = None,
    video_column: VideoColumn = None,
    dialogue_column: DialogueColumn = None,
    output: Annotated[
        Output, typer.Option(help="How results are written; json is one object per line.")
    ] = Output.table,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; the standard output by default.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Score texts, clips, or rows of texts, clips and features.

    --input also takes a data set of features: a folder that `keras-mer extract` or
    Dataset.save wrote, an .npz or a .pkl.

    Rows that cannot be scored are named on the standard error, by number from 1.

    The others are scored all the same, and the exit status is 1.
    """
    # The input is opened first: a wrong name must not cost the time to load a model.
    given = {"text": text, "audio": audio, "video": video}
    columns = {"text": text_column, "audio": audio_column, "video": video_column}
    columns[DIALOGUE] = dialogue_column
    with _opened(given, input, columns) as source, _sink(out) as file:
        with quiet_start():
            from keras_mer.predictor import LOOK_AHEAD, Predictor

            predictor = Predictor(name)
        rows = source if isinstance(source, Iterable) else predictor.rows_of(source)
        write = writer(output.value, file, RAW if rows is source else NAMED)
        total = failed = 0
        # Lines of the standard input may come one by one, from somebody who waits.
        look_ahead = 1 if input == "-" else LOOK_AHEAD
        for total, row, prediction in _scored(predictor, rows, look_ahead):
            if prediction.error:
                failed += 1
                say(prediction.error)
            write(total, row, prediction)
    if failed:
        say(f"{failed} of {total} rows failed")
        raise typer.Exit(1)


@contextmanager
def _opened(
    given: Mapping[str, list[str] | None], source: str | None, columns: Mapping[str, str | None]
) -> "Iterator[Iterable[Row] | Dataset]":
    """The rows of the options or of a file, or the data set that there is in its place."""
    path = Path(source or "-")
    if any(given.values()) or not (path.is_dir() or path.suffix.lower() in DATA_SETS):
        with given_rows(given, source, columns) as rows:
            yield rows
        return
    named = [name for name, own in columns.items() if own is not None]
    if named:
        raise typer.BadParameter(
            f"{path} is a data set and has no columns: leave --{named[0]}-column out"
        )
    with quiet_start():
        from keras_mer.data import read
    yield read(path)


@contextmanager
def _sink(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        return
    with written_aside(out) as path, open(path, "w", encoding="utf-8", newline="") as file:
        yield file


def _scored(
    predictor: "Predictor", rows: Iterable[Row], look_ahead: int
) -> Iterator[tuple[int, Any, "Prediction"]]:
    """Each row's number from 1, the row, and what the model makes of it."""
    waiting: deque[Row] = deque()

    def remembered() -> Iterator[Row]:
        for row in rows:
            waiting.append(row)
            yield row

    predictions = predictor.predict_many(remembered(), first_row=1, look_ahead=look_ahead)
    for number, prediction in enumerate(predictions, start=1):
        yield number, waiting.popleft(), prediction
