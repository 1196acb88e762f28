"""The progress bars of downloads."""

from threading import Event
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn


class Bar(Protocol):
    """What pooch asks of a progress bar."""

    total: int

    def update(self, count: int) -> None:
        """Adds bytes that have come."""

    def reset(self) -> None:
        """Starts again at zero."""

    def close(self) -> None:
        """Leaves the bar as it is."""


class DownloadBar:
    """The bar of one file, drawn on a terminal or in a notebook.

    Args:
        label: what is being downloaded.
    """

    def __init__(self, label: str) -> None:
        self._progress = _drawn()
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


class StoppedError(Exception):
    """Why a download ended that nobody waits for any more."""


class SharedBar:
    """One bar for many files, which may be downloaded by several threads.

    Args:
        label: what is being downloaded.
        total: the bytes of all files together.
        shown: whether it is drawn at all.
    """

    def __init__(self, label: str, total: int, shown: bool = True) -> None:
        self._progress = _drawn(shown)
        self._task = self._progress.add_task(label, total=total)
        self._progress.start()
        self.stopped = Event()

    def advance(self, count: int) -> None:
        """Adds bytes that have come, or takes back those of a failed attempt."""
        if self.stopped.is_set():
            raise StoppedError("another file could not be fetched, or the user gave up")
        self._progress.advance(self._task, count)

    def stop(self) -> None:
        """Ends the bar, and every download that draws on it at its next bytes."""
        self.stopped.set()
        self._progress.stop()


class PartBar:
    """What one file adds to a `SharedBar`; called at each attempt, it starts again.

    Args:
        shared: the bar of all files.
        size: the bytes of this one.
    """

    def __init__(self, shared: SharedBar, size: int) -> None:
        self._shared, self._size, self._come = shared, size, 0
        self.total = 0  # as the server says, which may be compressed

    def __call__(self, label: str) -> "PartBar":
        """The bar of a new attempt."""
        self._move(0)
        return self

    def update(self, count: int) -> None:
        """Adds bytes that have come."""
        self._move(min(self._come + count, self._size))

    def finish(self) -> None:
        """Says that the file is there."""
        self._move(self._size)

    def reset(self) -> None:
        """Nothing: pooch does so only to add up right."""

    def close(self) -> None:
        """Nothing: the other files go on."""

    def _move(self, come: int) -> None:
        self._shared.advance(come - self._come)
        self._come = come


def _drawn(shown: bool = True) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        disable=not (shown and (console.is_terminal or console.is_jupyter)),
    )
