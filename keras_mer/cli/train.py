"""`keras-mer train`: from a recipe and data to a model, its figures and an entry."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from keras_mer._memory import keep_freed_memory
from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, command
from keras_mer.cli._run_progress import RunProgress
from keras_mer.cli._tables import show, subset_table

RECIPE = "recipe.toml"


@command
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe.toml, or an entry that has one.")],
    data: Annotated[
        Path | None,
        typer.Option(help="The folder or file with the data; by default the recipe's path."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Train from the seeds 1 to this.")] = 1,
    modalities: Annotated[
        str | None, typer.Option(help='Train on these alone, such as "text,audio".')
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(help="For logs and states; runs/NAME by default.")
    ] = None,
    entry: Annotated[
        Path | None,
        typer.Option(help="Write the run that is best on the validation part as an entry here."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Train a recipe, resuming what was interrupted, and score the test part once."""
    with quiet_start():
        from keras_mer import metrics
        from keras_mer.training import Recipe, publish, train_seeds
        from keras_mer.training.train_seeds import shown

        keep_freed_memory()

    path = _recipe_file(recipe)
    read = Recipe.read(path)
    if modalities:
        chosen = modalities.split(",")
        name = f"{read.name}-{'-'.join(chosen)}"
        read = replace(read, name=name, data={**read.data, "modalities": chosen})
    with RunProgress(read, seeds) as progress:
        result = train_seeds(read, data, range(1, seeds + 1), runs, progress)
    description, counts = result.dataset.description, result.dataset.counts
    rows = ", ".join(f"{part} {count}" for part, count in counts.items())
    typer.echo(f"{description['name']}: {rows}; split: {description['split_name'] or 'as read'}")
    figures = [f.name for f in metrics.PROTOCOLS[result.recipe.evaluation["protocol"]].figures]
    table = subset_table(
        f"{read.name}, test part, {seeds} seed{'s' if seeds > 1 else ''}",
        figures,
        result.test[0],
        lambda subset, figure: shown(result.values(figure, subset), figure),
    )
    show(table)
    if entry:
        own = modalities is not None or (entry / RECIPE).exists()
        written = publish(result, entry) if own else publish(result, entry, recipe=path)
        typer.echo(f"wrote {written}")


def _recipe_file(text: str) -> Path:
    """The path of a recipe, given as such or as the name or folder of an entry."""
    if Path(text).is_file() or text.endswith(".toml"):
        return Path(text)
    from keras_mer.zoo.resolve import entry_file, resolve

    return entry_file(resolve(text), RECIPE)
