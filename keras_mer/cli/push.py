"""`keras-mer push`: an entry published."""

from typing import Annotated

import typer

from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, Entry, command, say


@command
def push(
    name: Entry,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="hf://organisation/repository, or /NAME in it, or a folder for a web server.",
        ),
    ],
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository a private one.")
    ] = False,
    message: Annotated[str | None, typer.Option(help="Of the commit.")] = None,
    debug: Debug = False,
) -> None:
    """Publish an entry, a folder of your own or one of the zoo, and print where it is."""
    with quiet_start():
        from keras_mer import zoo
    place = zoo.push(name, target, private=private, message=message)
    say(f'to load it: keras_mer.zoo.load("{place}")')
    typer.echo(place)
