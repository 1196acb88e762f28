"""The progress of runs in the terminal."""

from typing import Any


def run_bar() -> Any:
    """A progress bar whose tasks have `figures` beside it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Elapsed(),
        TextColumn("{task.fields[figures]}"),
    )


def figures_text(figures: dict[str, Any], select: str | None = None) -> str:
    """The loss, if it is there, and a figure of the validation part; the first by default."""
    valid = figures["valid"]
    select = select or next(iter(valid))
    loss = f"loss {figures['loss']:.3f}, " if "loss" in figures else ""
    tuning = figures.get("stage") == "text_tuning"
    return f"{loss}valid {select} {valid[select]:.3f}" + (
        ", tuning the text encoder" if tuning else ""
    )


class RunProgress:
    """One bar per seed, with the figures of the last epoch.

    Args:
        recipe: what is trained.
        seeds: how many runs there are.
    """

    def __init__(self, recipe: Any, seeds: int) -> None:
        self.recipe = recipe
        self.seeds = seeds
        self.bar = run_bar()
        self.tasks: dict[int, Any] = {}

    def __enter__(self) -> "RunProgress":
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
        self.bar.update(
            self.tasks[seed],
            total=getattr(self.recipe, stage)["epochs"],
            completed=epoch,
            figures=figures_text(figures, self.recipe.evaluation["select"]),
        )
