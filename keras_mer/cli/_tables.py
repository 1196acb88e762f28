"""Tables of figures in the terminal."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

WIDTH = 120


def subset_table(
    title: str,
    figures: Iterable[str],
    subsets: Mapping[tuple[str, ...], Any],
    cell: Callable[[tuple[str, ...], str], str],
) -> Any:
    """A rich table with a row per subset of modalities and a column per figure.

    Args:
        title: above the table.
        figures: names of the columns.
        subsets: whose value is `None` where there are no figures; they are named below.
        cell: what stands in a cell.
    """
    from rich.table import Table

    figures = list(figures)
    untrained = [" + ".join(subset) for subset, value in subsets.items() if not value]
    note = f"not trained: {', '.join(untrained)}" if untrained else None
    table = Table("modalities", *figures, title=title, caption=note)
    for subset, value in subsets.items():
        if value:
            table.add_row(" + ".join(subset), *(cell(subset, f) for f in figures))
    return table


def show(table: Any) -> None:
    """Prints a table, at a width that fits the figures where no terminal sets one."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        natural = Console(width=10 * WIDTH).measure(table).maximum
        console = Console(width=max(WIDTH, natural))
    console.print(table)
