"""`keras-mer list` and `keras-mer card`: what the zoo holds."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, Entry, command


@command
def show_list(
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help='Such as "*mosi*".')] = "*",
    debug: Debug = False,
) -> None:
    """List the entries of the zoo."""
    with quiet_start():
        from keras_mer import zoo
    names = zoo.list_models(pattern)
    if not names:
        if pattern == "*":
            raise ValueError("there are no entries on this machine")
        raise ValueError(f'no entry matches "{pattern}"; `keras-mer list` shows all')
    for name in names:
        typer.echo(name)


@command
def show_card(
    name: Entry,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="Write the card anew first; NAME is the folder of the entry."
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="With --refresh: score the published weights on this data for it."),
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option(help="With --refresh: take the predictions of all seeds from these runs."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Show the card of an entry: what it was trained on, how well it does, its limits."""
    with quiet_start():
        from keras_mer import zoo
    if (data or runs) and not refresh:
        raise ValueError("--data and --runs go with --refresh, which writes the card anew")
    if refresh:
        _refresh(name, data, runs)
    card = str(zoo.card(name))
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(card))
    else:
        typer.echo(card)


def _refresh(folder: str, data: Path | None, runs: Path | None) -> None:
    with quiet_start():
        from keras_mer import zoo
        from keras_mer.training import score_card
    if data or runs:
        score_card(folder, data=data, runs=runs, progress=True)
    else:
        zoo.refresh_card(folder)
