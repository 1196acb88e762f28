"""`keras-mer extract`: from clips to a data set of features."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, command, say
from keras_mer.cli._reading import AllowLeaks, Format, Options, reader_options

if TYPE_CHECKING:
    from keras_mer.data import Dataset
    from keras_mer.features.extract import Encoder, Extraction


class Modality(StrEnum):
    """What is extracted."""

    text = "text"
    audio = "audio"
    video = "video"


class Audio(StrEnum):
    """The features of sound."""

    functionals = "functionals"
    descriptors = "descriptors"
    log_mel = "log-mel"


@command
def extract(
    clips: Annotated[
        Path,
        typer.Argument(
            metavar="CLIPS",
            help="A folder of clips; with a CSV of the columns clip and label, or that CSV; or "
            "a corpus such as EMO-DB.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="The .npz file to write; a name without suffix is a folder.")
    ],
    modality: Annotated[
        list[Modality] | None,
        typer.Option(help="What to extract; may be given several times. Audio by default."),
    ] = None,
    audio: Annotated[
        Audio,
        typer.Option(help="Of sound: a vector per clip, or a vector every 10 ms of one kind."),
    ] = Audio.functionals,
    entry: Annotated[
        str | None,
        typer.Option(help="Extract just what this entry of the zoo asks for, such as cmmsf_emodb."),
    ] = None,
    text_encoder: Annotated[
        str | None,
        typer.Option(help="Of transcripts: a preset of keras-hub; all-MiniLM-L6-v2 by default."),
    ] = None,
    frames_per_second: Annotated[
        float, typer.Option(help="Of pictures: how many a second are looked at.")
    ] = 5.0,
    faces: Annotated[
        bool, typer.Option("--faces", help="Of pictures: measure the face, not the whole frame.")
    ] = False,
    processes: Annotated[
        int | None, typer.Option(min=0, help="How many at once; one per core by default.")
    ] = None,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Take all clips below the folder, without labels.")
    ] = False,
    format: Format = None,
    option: Options = None,
    allow_leaks: AllowLeaks = False,
    debug: Debug = False,
) -> None:
    """Turn clips, and their transcripts, into features, in several processes.

    A run that was killed goes on where it was when it is started again.

    Clips that cannot be used are named on the standard error with the reason.

    The others are written all the same, and the exit status is 1.
    """
    with quiet_start():
        from keras_mer import features
        from keras_mer.data._folder import checked_place

    checked_place(out)  # before transcripts are encoded
    found = _clips(clips, unlabelled, format, reader_options(option, allow_leaks))
    known: dict[str, Encoder] = {
        "text": features.PresetTextEncoder(text_encoder)
        if text_encoder
        else features.TextEncoder(),
        "audio": features.AudioEncoder(audio.value),
        "video": features.VideoEncoder(frames_per_second, faces),
    }
    chosen = modality or ([Modality.text] if text_encoder else [Modality.audio])
    encoders = {name.value: known[name] for name in chosen}
    if entry is not None:
        encoders = _asked_for(entry, found)
    if "text" in encoders:
        found = _with_text(found, encoders.pop("text"))
    if not encoders:
        found.save(out)
        found.summary()
        typer.echo(f"wrote {out}: {len(found)} clips")
        return
    with _Progress() as progress:
        done = features.extract(found, encoders, out, processes, progress)
    _report(done, len(found), out)


def _report(done: "Extraction", clips: int, out: Path) -> None:
    """Says what came of an extraction; the exit status is 1 if anything is missing."""
    for clip, reasons in done.failures.items():
        for name, reason in reasons.items():
            say(f"{clip}: no {name}: {reason}")
    done.dataset.summary()
    typer.echo(f"wrote {out}: {len(done.dataset)} of {clips} clips, {done.computed} new")
    if done.failures:
        absent = clips - len(done.dataset)
        partly = len(done.failures) - absent
        say(f"{absent} of {clips} clips left out, {partly} lack a modality")
        raise typer.Exit(1)


def _with_text(clips: "Dataset", encoder: "Encoder") -> "Dataset":
    """The clips with features of their transcripts."""
    if clips.transcripts is None:
        raise ValueError(
            "there are no transcripts to extract text from: they need a column transcript in the "
            "CSV"
        )
    return clips.with_features(
        "text", encoder.encode(list(clips.transcripts)), encoder.specification
    )


def _asked_for(entry: str, clips: "Dataset") -> "dict[str, Encoder]":
    """What encodes clips as the features that an entry was trained on."""
    from keras_mer import zoo
    from keras_mer.features._encoders import encoder_of

    metadata = zoo.metadata(entry)
    encoders = {}
    for modality in metadata["trained_modalities"]:
        specification = metadata["features"][modality]
        if modality == "text" and clips.transcripts is None:
            continue
        try:
            adapters = zoo.text_adapters(entry) if modality == "text" else None
            encoders[modality] = encoder_of(modality, specification, adapters=adapters)
        except ValueError:
            raise ValueError(
                f"{entry} reads {modality} features by {specification.get('extractor')}, which "
                "keras-mer does not extract; `keras-mer card` says where they come from"
            ) from None
    if not encoders:
        raise ValueError(f"{entry} reads text alone, and the clips have no transcripts")
    return encoders


def _clips(path: Path, unlabelled: bool, format: str | None, options: dict[str, Any]) -> "Dataset":
    """The clips of a folder or table, with whatever is known of them."""
    from keras_mer.data import FORMATS, find_clips, read, read_clips

    if unlabelled:
        return find_clips(path)
    if format is not None:
        return read(path, format, **options)
    if not path.is_dir():
        return read_clips(path, **options)
    known = [f.name for f in FORMATS.values() if f.found is not None and f.found(path) is not None]
    if known:
        if known != ["clips"]:
            say(f"{path} is read as {known[0]}; --unlabelled takes every clip in it")
        return read(path, **options)
    if any(path.glob("*.csv")):
        raise ValueError(
            f"{path} has a CSV, but not one with the columns clip and label; name the right one, "
            "or pass --unlabelled to do without labels"
        )
    return find_clips(path)


class _Progress:
    """A bar on the standard error, if that is a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        self.bar = Progress(
            TextColumn("extracting"),
            BarColumn(),
            MofNCompleteColumn(),
            Remaining(),
            console=Console(stderr=True),
            disable=sys.stderr is None or not sys.stderr.isatty(),
        )
        self.task = self.bar.add_task("extracting", total=None)

    def __enter__(self) -> "_Progress":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def __call__(self, done: int, total: int) -> None:
        self.bar.update(self.task, completed=done, total=total)
