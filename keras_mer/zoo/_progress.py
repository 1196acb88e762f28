"""The progress bar of a download."""

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn


class DownloadBar:
    """What pooch asks of a progress bar, drawn by rich on a terminal or in a notebook.

    Args:
        label: what is being downloaded.
    """

    def __init__(self, label: str) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            disable=not (console.is_terminal or console.is_jupyter),
        )
        self._task = self._progress.add_task(label, total=None)
        self._progress.start()

    @property
    def total(self) -> int:
        """The bytes to come; 0 while they are unknown."""
        return int(self._progress.tasks[0].total or 0)

    @total.setter
    def total(self, total: int) -> None:
        self._progress.update(self._task, total=total or None)

    def update(self, count: int) -> None:
        """Adds bytes that have come."""
        self._progress.advance(self._task, count)

    def reset(self) -> None:
        """Starts again at zero."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._progress.stop()
