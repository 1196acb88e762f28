"""`keras-mer reproduce`: an entry trained again, its figures beside the published ones."""

from pathlib import Path
from typing import Annotated

import typer

from keras_mer._memory import keep_freed_memory
from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, Entry, command
from keras_mer.cli._run_progress import RunProgress
from keras_mer.cli._tables import show


@command
def reproduce(
    name: Entry,
    data: Annotated[Path, typer.Option(help="The folder or file with the data.")],
    seeds: Annotated[
        int | None, typer.Option(min=1, help="The seeds 1 to this; the published ones by default.")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(help="For logs and states; runs/NAME by default.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Train an entry again by its recipe, and compare with what its card says."""
    from rich.table import Table

    with quiet_start():
        from keras_mer.metrics._shown import shown_summary
        from keras_mer.training import Recipe
        from keras_mer.training import reproduce as again
        from keras_mer.zoo.resolve import entry_file, resolve

        keep_freed_memory()

    entry = resolve(name)
    chosen = list(range(1, seeds + 1)) if seeds else entry.metadata["seeds"]
    recipe = Recipe.read(entry_file(entry, "recipe.toml"))
    with RunProgress(recipe, len(chosen)) as progress:
        done = again(name, data, chosen, runs, progress)
    table = Table(
        "figure",
        f"published, {len(entry.metadata['seeds'])} runs",
        f"reproduced, {len(chosen)} runs",
        "published deviations apart",
        title=f"{entry.name}, test part, {' + '.join(done.result.trained)}",
    )
    for each in done.figures:
        table.add_row(
            each.figure,
            shown_summary(each.published, each.figure),
            shown_summary(each.reproduced, each.figure),
            "–" if each.distance is None else f"{each.distance:+.2f}",
        )
    show(table)
