"""`keras-mer data`: foreign files into plain ones, and what lies in a folder."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, command

app = typer.Typer(help="Data sets: convert them, look through a folder.", no_args_is_help=True)


@app.command("convert")
@command
def convert(
    path: Annotated[Path, typer.Argument(help="A file or a folder.")],
    out: Annotated[
        Path, typer.Option(help="The .npz file to write; a name without suffix is a folder.")
    ],
    format: Annotated[
        str | None, typer.Option(help="Such as mmsa or iemocap; found out by default.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help='For the reader, such as "labels=vad" or "test=[16]"; may be repeated.'),
    ] = None,
    allow_leaks: Annotated[
        bool, typer.Option("--allow-leaks", help="Keep a split that leaks; report no score of it.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Turn any readable data into one plain .npz file, or a folder that is read bit by bit.

    Neither holds a pickle. A folder suits data that do not fit in memory.
    """
    with quiet_start():
        from keras_mer.data import read

    options = dict(_option(text) for text in option or [])
    if allow_leaks:
        options["allow_leaks"] = True
    dataset = read(path, format, **options)
    dataset.save(out)
    dataset.summary()
    typer.echo(f"wrote {out}")


@app.command("check")
@command
def check(
    path: Annotated[Path, typer.Argument(metavar="DIR", help="A folder, or one file.")],
    debug: Debug = False,
) -> None:
    """Read all data below a folder and say what it is; the exit status is 1 if any is refused."""
    with quiet_start():
        from keras_mer.data import check as check_data

    counts = {"read": 0, "leaks": 0, "safe": 0, "refused": 0}
    for finding in check_data(path):
        counts[finding.verdict] += 1
        message = " ".join(finding.message.split())
        typer.echo(f"{finding.verdict:<8} {finding.format or '-':<12} {finding.path}: {message}")
    if not any(counts.values()):
        raise ValueError(f"{path} holds no data of a known format; see keras_mer.data.FORMATS")
    typer.echo(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    if counts["refused"]:
        raise typer.Exit(1)


def _option(text: str) -> tuple[str, Any]:
    """`name=value`, whose value is JSON or plain text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"an option is name=value; received {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
