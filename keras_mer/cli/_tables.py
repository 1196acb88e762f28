"""Tables of figures in the terminal."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


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
        subsets: whose value is `None` where there are no figures.
        cell: what stands in a cell.
    """
    from rich.table import Table

    figures = list(figures)
    table = Table("modalities", *figures, title=title)
    for subset, value in subsets.items():
        cells = [cell(subset, f) for f in figures] if value else ["not trained", *figures[1:]]
        if not value:
            cells[1:] = ["–"] * (len(figures) - 1)
        table.add_row(" + ".join(subset), *cells)
    return table
