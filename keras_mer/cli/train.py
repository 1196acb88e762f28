"""`keras-mer train`: from a recipe and data to a model, its figures and an entry."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, command
from keras_mer.cli._tables import show, subset_table


@command
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe.toml.")],
    data: Annotated[Path, typer.Option(help="The folder or file with the data.")],
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

    read = Recipe.read(recipe)
    if modalities:
        chosen = modalities.split(",")
        name = f"{read.name}-{'-'.join(chosen)}"
        read = replace(read, name=name, data={**read.data, "modalities": chosen})
    with _Progress(read, seeds) as progress:
        result = train_seeds(read, data, range(1, seeds + 1), runs, progress)
    figures = [f.name for f in metrics.PROTOCOLS[read.evaluation["protocol"]].figures]
    table = subset_table(
        f"{read.name}, test part, {seeds} seed{'s' if seeds > 1 else ''}",
        figures,
        result.test[0],
        lambda subset, figure: shown(result.values(figure, subset), figure),
    )
    show(table)
    if entry:
        typer.echo(f"wrote {publish(result, entry)}")


class _Progress:
    """One bar per seed, with the figures of the last epoch."""

    def __init__(self, recipe: Any, seeds: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed

        self.recipe = recipe
        self.seeds = seeds
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Elapsed(),
            TextColumn("{task.fields[figures]}"),
        )
        self.tasks: dict[int, Any] = {}

    def __enter__(self) -> "_Progress":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def __call__(self, seed: int, epoch: int, figures: dict[str, Any]) -> None:
        for finished in set(self.tasks) - {seed}:
            self.bar.stop_task(self.tasks[finished])
        if seed not in self.tasks:
            self.tasks[seed] = self.bar.add_task(f"seed {seed} of {self.seeds}", figures="")
        stage = figures.get("stage", "training")
        select = self.recipe.evaluation["select"]
        text = f"loss {figures['loss']:.3f}, valid {select} {figures['valid'][select]:.3f}"
        self.bar.update(
            self.tasks[seed],
            total=getattr(self.recipe, stage)["epochs"],
            completed=epoch,
            figures=text + (", tuning the text encoder" if stage == "text_tuning" else ""),
        )
