"""`keras-mer data list` and `keras-mer data fetch`: public data by name."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, command, say

if TYPE_CHECKING:
    from keras_mer.data.sources import Source

app = typer.Typer(help="Data sets: list and fetch public ones.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option(help="Where data sets get folders of their names; by default the cache."),
]


@app.command("list")
@command
def list_data(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One data set, in all detail.")
    ] = None,
    folder: Folder = None,
    debug: Debug = False,
) -> None:
    """List the public data sets that can be fetched."""
    with quiet_start():
        from keras_mer.data import sources
    if name is not None:
        _show(sources.source(name), sources.count_present(sources.source(name), folder))
        return
    typer.echo(f"{'name':<14}{'files':>6}{'MB':>7}  {'here':<5}{'terms':<8}what")
    for each in map(sources.source, sources.list_sources()):
        present = sources.count_present(each, folder)
        here = "yes" if present == len(each.files) else "part" if present else "no"
        terms = "accept" if each.restricted else "read"
        size = each.bytes / 1e6
        typer.echo(
            f"{each.name:<14}{len(each.files):>6}{size:>7.1f}  {here:<5}{terms:<8}{each.title}"
        )


@app.command("fetch")
@command
def fetch_data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="See `keras-mer data list`.")],
    folder: Folder = None,
    accept_terms: Annotated[
        bool,
        typer.Option("--accept-terms", help="You have read the terms and may use the data."),
    ] = False,
    mirror: Annotated[
        list[str] | None,
        typer.Option(help="An address to ask first; may be given several times."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Fetch a public data set, check every file, and print its folder."""
    with quiet_start():
        from keras_mer.data import sources
    mirrors = mirror or []
    try:
        root = sources.fetch(name, folder, accept_terms, mirrors)
    except sources.TermsError as error:
        if not _accepts(error.source):
            raise
        root = sources.fetch(name, folder, True, mirrors)
    data_set = sources.source(name)
    say(f"{len(data_set.files)} files, all as they should be. Terms: {data_set.terms}")
    for path in data_set.reads:
        say(f'to read it: keras_mer.data.read("{(root / path).as_posix()}")')
    typer.echo(str(root))


def _accepts(data_set: "Source") -> bool:
    """Asks the user, if there is one."""
    if not _on_a_terminal():
        return False
    say(f"{data_set.name} is restricted. {data_set.terms} Apply at {data_set.apply}")
    return typer.confirm("Have you read the terms, and may you use it?", err=True)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _show(data_set: "Source", present: int) -> None:
    typer.echo(data_set.title)
    typer.echo(f"  holds: {data_set.holds}")
    typer.echo(f"  terms: {data_set.terms}")
    if data_set.restricted:
        typer.echo(f"  to accept with --accept-terms; apply at: {data_set.apply}")
    typer.echo(f"  about: {data_set.homepage}")
    typer.echo(f"  files: {len(data_set.files)}, {data_set.bytes} bytes; {present} are here")
    for origin in data_set.origins:
        typer.echo(f"  from: {origin.page}")
        typer.echo(f"    licence: {origin.licence}")
        for address in origin.mirrors(0):
            typer.echo(f"    mirror: {address}")
