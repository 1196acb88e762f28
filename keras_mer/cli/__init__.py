"""The command line, `keras-mer ...`: a thin face over the public functions.

A command is a function in a file of its own, and one line at the end of this one.
"""

import sys
import warnings
from typing import Annotated

import typer

from keras_mer._version import __version__
from keras_mer.cli.compare import compare
from keras_mer.cli.data import app as data_app
from keras_mer.cli.entries import show_card, show_list
from keras_mer.cli.evaluate import evaluate
from keras_mer.cli.explain import explain
from keras_mer.cli.export import export
from keras_mer.cli.extract import extract
from keras_mer.cli.predict import predict
from keras_mer.cli.push import push
from keras_mer.cli.quantize import quantize
from keras_mer.cli.reproduce import reproduce
from keras_mer.cli.search import search
from keras_mer.cli.sources import app as sources_app
from keras_mer.cli.train import train

app = typer.Typer(
    name="keras-mer",
    help="Emotion and sentiment from text, audio and video.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"keras-mer {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """The entry point of `keras-mer`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a letter must not cost the user the other rows.
            stream.reconfigure(errors="backslashreplace")
    warnings.formatwarning = lambda message, *_, **__: f"keras-mer: {message}\n"
    app()


app.command("predict")(predict)
app.command("explain")(explain)
app.command("train")(train)
app.command("search")(search)
app.command("evaluate")(evaluate)
app.command("reproduce")(reproduce)
app.command("compare")(compare)
app.command("extract")(extract)
app.command("export")(export)
app.command("quantize")(quantize)
app.command("push")(push)
app.command("list")(show_list)
app.command("card")(show_card)
app.add_typer(data_app, name="data")
data_app.add_typer(sources_app)
