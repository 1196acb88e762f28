"""`keras-mer data`: foreign files into plain ones, and what lies in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, command
from keras_mer.cli._reading import AllowLeaks, Format, Options, reader_options

app = typer.Typer(help="Data sets: convert them, look through a folder.", no_args_is_help=True)


@app.command("convert")
@command
def convert(
    path: Annotated[Path, typer.Argument(help="A file or a folder.")],
    out: Annotated[
        Path, typer.Option(help="The .npz file to write; a name without suffix is a folder.")
    ],
    format: Format = None,
    option: Options = None,
    allow_leaks: AllowLeaks = False,
    debug: Debug = False,
) -> None:
    """Turn any readable data into one plain .npz file, or a folder that is read bit by bit.

    Neither holds a pickle. A folder suits data that do not fit in memory.
    """
    with quiet_start():
        from keras_mer.data import read
        from keras_mer.data._folder import checked_place

    checked_place(out)  # before what may take long
    options = reader_options(option, allow_leaks)
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
