"""The name that somebody may have meant."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """For the middle of an error: a question about the nearest known name, or nothing.

    >>> did_you_mean("droput", ["units", "dropout"])
    "did you mean 'dropout'? "
    """
    nearest = difflib.get_close_matches(str(name), list(known), 1)
    return f"did you mean {nearest[0]!r}? " if nearest else ""
