"""Modalities travel as dicts; these helpers make the order of their keys irrelevant."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

FIELD_ORDER = ("text", "audio", "video")

Value = TypeVar("Value")


def modality_order(names: Iterable[str]) -> list[str]:
    """The names in the field's order: text, audio, video, then others by the alphabet."""

    def rank(name: str) -> tuple[int, str]:
        return (FIELD_ORDER.index(name) if name in FIELD_ORDER else len(FIELD_ORDER), name)

    return sorted(names, key=rank)


def in_order(modalities: Mapping[str, Value]) -> dict[str, Value]:
    """The same mapping with its keys in `modality_order`."""
    return {name: modalities[name] for name in modality_order(modalities)}


def check_modalities(modalities: object, layer: str, at_least: int = 2) -> None:
    """Raises a `ValueError` unless `modalities` is a dict with `at_least` entries.

    Args:
        modalities: what the layer received.
        layer: the name of the layer, for the message.
        at_least: how many modalities the layer needs.
    """
    if not isinstance(modalities, Mapping):
        raise ValueError(
            f"{layer} expects a dict of modalities such as "
            f'{{"text": ..., "audio": ...}}; received {type(modalities).__name__}'
        )
    if len(modalities) < at_least:
        raise ValueError(
            f"{layer} expects {at_least} or more modalities; "
            f"received {len(modalities)}: {', '.join(modalities) or 'none'}"
        )


def check_same_modalities(
    received: Iterable[str], expected: Iterable[str], layer: str, what: str = "modalities"
) -> None:
    """Raises a `ValueError` unless both name the same modalities, in any order."""
    received, expected = modality_order(received), modality_order(expected)
    if received != expected:
        raise ValueError(
            f"{layer} was built for the modalities {', '.join(expected)}; "
            f"received {what} for {', '.join(received) or 'none'}"
        )
