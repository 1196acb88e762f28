"""What turns the raw material of a modality into features, by modality."""

from collections.abc import Mapping
from typing import Any

from keras_mer.features.audio_encoder import AudioEncoder
from keras_mer.features.text_encoder import TextEncoder
from keras_mer.features.video_encoder import VideoEncoder

ENCODERS: Mapping[str, Any] = {"text": TextEncoder, "audio": AudioEncoder, "video": VideoEncoder}
