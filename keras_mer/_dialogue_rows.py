"""Streams of rows that belong to dialogues."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

LONGEST = 512
"""Utterances after which a dialogue is cut in two, so that a stream needs bounded memory."""


def whole_dialogues(rows: Iterable[Any], batch_size: int) -> Iterator[list[Any]]:
    """Rows in batches that end where a dialogue does.

    Args:
        rows: dicts with the name of their `dialogue`, `None` by default; anything else belongs
            to the dialogue of the row before it.
        batch_size: rows after which the batch ends with the dialogue.
    """
    batch: list[Any] = []
    current: Any = None
    for row in rows:
        name = row.get("dialogue") if isinstance(row, Mapping) else current
        if batch and (len(batch) >= LONGEST or (len(batch) >= batch_size and name != current)):
            yield batch
            batch = []
        current = name
        batch.append(row)
    if batch:
        yield batch


def consecutive(names: Sequence[Any]) -> np.ndarray:
    """(n,) int: the number of the run of equal names that each one is in."""
    changes = [a != b for a, b in zip(names[1:], names[:-1], strict=True)]
    return np.cumsum([False, *changes])
