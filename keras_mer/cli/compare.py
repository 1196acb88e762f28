"""`keras-mer compare`: several systems and plain baselines under one protocol."""

from pathlib import Path
from typing import Annotated, Any

import typer

from keras_mer._memory import keep_freed_memory
from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, command
from keras_mer.cli._reading import Format, Options, reader_options
from keras_mer.cli._run_progress import figures_text, run_bar
from keras_mer.cli._tables import show


@command
def compare(
    data: Annotated[Path, typer.Option(help="The folder or file with the data.")],
    systems: Annotated[
        str | None,
        typer.Option(
            help='What to compare, such as "linear,late-fusion,tfn,cmmsf"; names, paths of '
            "recipes, entries of the zoo. All that take the data by default."
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(help="A recipe.toml whose data, training and evaluation count for all."),
    ] = None,
    format: Format = None,
    split: Annotated[
        str | None, typer.Option(help="The split, where the format has several, such as official.")
    ] = None,
    option: Options = None,
    modalities: Annotated[
        str | None, typer.Option(help='Train on these alone, such as "text,audio".')
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="How figures are computed; that of the data by default.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Train from the seeds 1 to this.")] = 3,
    against: Annotated[
        str | None,
        typer.Option(help="The reference of the tests; the best on the validation part."),
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(help="For logs, states and predictions; runs/compare by default.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write comparison.md and comparison.json here.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Compare systems and baselines: one table, with intervals and a paired test.

    What is finished in the folder of the runs is not repeated.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    with quiet_start():
        from keras_mer.data import read
        from keras_mer.training import compare as compared

        keep_freed_memory()

    chosen = None if systems is None else [name.strip() for name in systems.split(",")]
    options = reader_options(option, False) | ({"split": split} if split else {})
    source: Any = data
    if format is not None or options:
        if recipe is not None:
            raise ValueError(
                "the recipe says how the data are read: leave out --format, --split and --option"
            )
        source = read(data, format, **options)
    with _Progress() as progress:
        done = compared(
            source,
            chosen,
            recipe,
            modalities.split(",") if modalities else None,
            protocol,
            range(1, seeds + 1),
            runs,
            against,
            progress.on_epoch,
            progress.on_run,
        )
    table = Table(*done.heading, title=done.title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.columns[0].no_wrap = True
    for row in done.rows():
        table.add_row(*row)
    show(table)
    for note in done.notes:
        typer.echo(f"- {note}")
    if out:
        typer.echo(f"wrote {done.write(out)}")


class _Progress:
    """A bar for all runs, and one for the run that is trained."""

    def __init__(self) -> None:
        self.bar = run_bar()
        self.all: Any = None
        self.current: Any = None
        self.name = ""

    def __enter__(self) -> "_Progress":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def on_epoch(self, system: str, seed: int, epoch: int, figures: dict[str, Any]) -> None:
        name = f"{system}, seed {seed}"
        if name != self.name:
            self._remove()
            self.name = name
            self.current = self.bar.add_task(name, total=None, figures="")
        self.bar.update(self.current, completed=epoch, figures=figures_text(figures))

    def on_run(
        self, system: str, seed: int, valid: dict[str, float], done: int, total: int
    ) -> None:
        self._remove()
        if self.all is None:
            self.all = self.bar.add_task("runs", total=total, figures="")
        text = f"{system}, seed {seed}: {figures_text({'valid': valid})}"
        self.bar.update(self.all, completed=done, figures=text)

    def _remove(self) -> None:
        if self.current is not None:
            self.bar.remove_task(self.current)
        self.current, self.name = None, ""
