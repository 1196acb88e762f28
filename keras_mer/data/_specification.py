"""What features are, compared: the settings of an extractor that two descriptions name."""

from collections.abc import Collection, Mapping
from typing import Any


def differing_setting(
    given: Mapping[str, Any], wanted: Mapping[str, Any], apart: Collection[str] = ()
) -> str | None:
    """The first setting that both name and that differs, if there is one.

    An encoder that was not tuned names no adapters, and one that gives every step no pooling;
    that differs from any.

    Args:
        given: what some features are.
        wanted: what they are to be.
        apart: settings that are not compared.
    """
    keys = given.keys() & wanted.keys()
    if given.get("extractor") and wanted.get("extractor"):
        keys |= {"adapters", "pooling"}
    differing = (key for key in sorted(keys - set(apart)) if given.get(key) != wanted.get(key))
    return next(differing, None)
