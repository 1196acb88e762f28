"""Arguments that may be one number for all modalities, or one each."""

from collections.abc import Iterable, Mapping
from typing import Any

from keras_mer.layers._modalities import modality_order


def per_modality(
    value: Any, modalities: Iterable[str], argument: str, model: str
) -> dict[str, Any]:
    """The value of each modality.

    Args:
        value: one value for all, or a mapping with one for each.
        modalities: the names of the modalities.
        argument: the name of the argument, for errors.
        model: the name of the model, for errors.

    Raises:
        ValueError: if a modality is left out of the mapping.
    """
    modalities = list(modalities)
    if not isinstance(value, Mapping):
        return dict.fromkeys(modalities, value)
    missing = [m for m in modalities if m not in value]
    if missing:
        raise ValueError(
            f"{model} needs {argument} for {', '.join(modality_order(modalities))}, as one "
            f"number for all or one each; received none for {', '.join(missing)}"
        )
    return {m: value[m] for m in modalities}


def known(named: Iterable[str], modalities: Iterable[str], argument: str, model: str) -> list[str]:
    """The names, if all of them are modalities.

    Raises:
        ValueError: if one is not.
    """
    named, modalities = list(named), list(modalities)
    unknown = [m for m in named if m not in modalities]
    if unknown:
        raise ValueError(
            f"{model} has the modalities {', '.join(modalities)}; "
            f"received {argument} naming {', '.join(unknown)}"
        )
    return named


def as_config(value: Any) -> Any:
    """The argument as JSON can hold it."""
    return dict(value) if isinstance(value, Mapping) else value
