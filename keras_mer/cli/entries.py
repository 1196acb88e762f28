"""`keras-mer list` and `keras-mer card`: what the zoo holds."""

import sys
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
    debug: Debug = False,
) -> None:
    """Show the card of an entry: what it was trained on, how well it does, its limits."""
    with quiet_start():
        from keras_mer import zoo
    card = str(zoo.card(name))
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(card))
    else:
        typer.echo(card)
