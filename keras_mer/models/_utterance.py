"""The networks of TFN and LMF that make one vector of each modality."""

from collections.abc import Iterable, Mapping
from typing import Any

from keras_mer.layers import AveragingEncoder, RecurrentEncoder
from keras_mer.layers._weighted import seed_of
from keras_mer.models._per_modality import known, per_modality


def utterance_encoders(
    modalities: Iterable[str],
    hidden_units: int | Mapping[str, int],
    text_units: int | None,
    recurrent: Iterable[str],
    model: str,
    dropout: float,
    seed: int | None,
    dtype: Any,
) -> dict[str, Any]:
    """An encoder for each modality.

    Args:
        modalities: the names of the modalities.
        hidden_units: width of each modality's network.
        text_units: output width of the recurrent encoders; `None` for half their state.
        recurrent: the modalities with a recurrent encoder; the others are averaged.
        model: the name of the model, for errors.
        dropout: rate of dropout of the averaging encoders.
        seed: seed of the dropouts.
        dtype: dtype or policy of the layers.
    """
    widths = per_modality(hidden_units, modalities, "hidden_units", model)
    read = known(recurrent, widths, "recurrent", model)
    encoders: dict[str, Any] = {}
    for i, (m, width) in enumerate(widths.items()):
        name = f"encoder_{m}"
        if m in read:
            out = text_units or max(width // 2, 1)
            encoders[m] = RecurrentEncoder(width, out, dtype=dtype, name=name)
        else:
            encoders[m] = AveragingEncoder(
                width, dropout=dropout, seed=seed_of(seed, i), dtype=dtype, name=name
            )
    return encoders
