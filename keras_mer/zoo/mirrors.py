"""Mirrors: where the files of entries can be fetched from."""

import os

from keras_mer._download import check_mirror

MIRRORS: tuple[str, ...] = ()
"""The mirrors of the release. Those in `KERAS_MER_MIRRORS` are asked before them."""


def mirrors() -> tuple[str, ...]:
    """The mirrors in the order in which they are asked."""
    given = os.environ.get("KERAS_MER_MIRRORS", "").split(",")
    return (*(check_mirror(mirror.strip()) for mirror in given if mirror.strip()), *MIRRORS)
