"""`keras-mer search`: a recipe's [search], and the best of it as a recipe."""

from pathlib import Path
from typing import Annotated, Any

import typer

from keras_mer._memory import keep_freed_memory
from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, command
from keras_mer.cli._run_progress import run_bar
from keras_mer.cli._tables import show

SHOWN = 10


@command
def search(
    recipe: Annotated[Path, typer.Argument(help="A recipe.toml with a [search].")],
    data: Annotated[
        Path | None,
        typer.Option(help="The folder or file with the data; by default the recipe's path."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="How many in all.")] = 20,
    seed: Annotated[int, typer.Option(help="Of every trial, and of the choices.")] = 1,
    tuner: Annotated[str, typer.Option(help="random, or bayesian.")] = "random",
    runs: Annotated[
        Path | None, typer.Option(help="For the trials; runs/NAME/search by default.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Search for what does best on the validation part, going on with what was stopped.

    The best is written as a recipe, best.toml, that `keras-mer train` takes.
    """
    with quiet_start():
        from keras_mer.training import search as searched

        keep_freed_memory()

    with run_bar() as bar:
        task = bar.add_task("trials", total=trials, figures="")

        def on_trial(values: dict[str, Any], figure: float | None) -> None:
            text = "failed" if figure is None else f"the last one {figure:.3f}"
            bar.update(task, advance=1, figures=text)

        found = searched(recipe, data, trials, seed, runs, tuner, on_trial)
        bar.update(task, completed=trials)
    show(_table(found))
    typer.echo(f"wrote {found.folder / 'best.toml'}")


def _table(found: Any) -> Any:
    """The best trials, a column per value."""
    from rich.table import Table

    names = list(found.trials[0][0])
    title = f"{found.recipe.name}, validation part, {len(found.trials)} trials"
    table = Table(found.figure, *names, title=title)
    for values, figure in found.trials[:SHOWN]:
        table.add_row(f"{figure:.3f}", *(_shown(values[name]) for name in names))
    return table


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
