"""What turns the raw material of a modality into features, by specification."""

from collections.abc import Mapping
from typing import Any

from keras_mer.features.audio_encoder import AudioEncoder
from keras_mer.features.preset_text_encoder import PREFIX, PresetTextEncoder
from keras_mer.features.text_encoder import TextEncoder
from keras_mer.features.video_encoder import VideoEncoder

ENCODERS: Mapping[str, Any] = {"text": TextEncoder, "audio": AudioEncoder, "video": VideoEncoder}


def encoder_of(modality: str, specification: Mapping[str, Any], **options: Any) -> Any:
    """The encoder that makes the features of a specification.

    Args:
        modality: "text", "audio" or "video".
        specification: of which every encoder takes what it needs.
        **options: further arguments of its `from_specification`; `adapters` for text alone.

    Raises:
        ValueError: if the features come from elsewhere.
    """
    if modality == "text" and str(specification.get("extractor", "")).startswith(PREFIX):
        if options.pop("adapters", None) is not None:
            raise ValueError("adapters change all-MiniLM-L6-v2 alone, and no preset of keras-hub")
        return PresetTextEncoder.from_specification(specification, **options)
    if modality != "text":
        options.pop("adapters", None)
    if modality not in ENCODERS:
        raise ValueError(f"keras-mer has encoders of {', '.join(ENCODERS)}; not of {modality}")
    return ENCODERS[modality].from_specification(specification, **options)


def is_ours(modality: str, specification: Mapping[str, Any]) -> bool:
    """Whether an encoder of keras-mer makes the features of a specification."""
    if modality not in ENCODERS or not specification.get("extractor"):
        return False
    plain = {name: value for name, value in specification.items() if name != "adapters"}
    try:
        encoder_of(modality, plain)
    except ValueError:
        return False
    return True
