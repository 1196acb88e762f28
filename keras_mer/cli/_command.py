"""What every command shares: its `--debug`, and errors in one line."""

import functools
import os
import pickle
import sys
from collections.abc import Callable
from typing import Annotated, ParamSpec

import typer

Entry = Annotated[
    str, typer.Argument(metavar="NAME", help="An entry of the zoo; see `keras-mer list`.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")]

USERS_ERRORS = (ValueError, TypeError, LookupError, OSError, ImportError, pickle.UnpicklingError)

Arguments = ParamSpec("Arguments")


def command(function: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Turns a user's errors into one line on the standard error and the exit status 1.

    The function takes `debug: Debug = False`; with `--debug` errors keep their traceback.
    """

    @functools.wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            function(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader, such as `head`, has seen enough. Python would flush again at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except USERS_ERRORS as error:
            if kwargs.get("debug"):
                raise
            say(_sentence(error))
            raise typer.Exit(1) from None

    return run


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, KeyError) and error.args:  # str() would quote it
        return str(error.args[0])
    return str(error) or type(error).__name__


def say(message: str) -> None:
    """One line on the standard error."""
    typer.echo(f"keras-mer: {' '.join(message.split())}", err=True)
