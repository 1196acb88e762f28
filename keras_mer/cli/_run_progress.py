"""The progress of runs in the terminal."""

from typing import Any


class RunProgress:
    """One bar per seed, with the figures of the last epoch.

    Args:
        recipe: what is trained.
        seeds: how many runs there are.
    """

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
        select = self.recipe.evaluation["select"]
        text = f"loss {figures['loss']:.3f}, valid {select} {figures['valid'][select]:.3f}"
        self.bar.update(
            self.tasks[seed],
            total=getattr(self.recipe, stage)["epochs"],
            completed=epoch,
            figures=text + (", tuning the text encoder" if stage == "text_tuning" else ""),
        )
