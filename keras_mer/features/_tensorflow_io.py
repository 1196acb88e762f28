"""Sound decoded by tensorflow-io, where its operations fit the TensorFlow that is installed."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from keras_mer._quiet import quiet_start
from keras_mer.features._media import MediaError

# One sample of silence in a wav file: 16 bits, mono, 8 kHz.
PROBE = (
    b"RIFF&\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0"
    b"data\x02\0\0\0\0\0"
)
# tensorflow-io keeps a file's own integers, those of 24 bits as the upper ones of 32.
SCALES = {"uint8": (128, 128), "int16": (0, 1 << 15), "int32": (0, 1 << 31)}


@lru_cache(maxsize=1)
def loads() -> bool:
    """Whether tensorflow-io is installed and its operations really load.

    pip does not stop a pair of versions whose operations are missing from each other; such a
    tensorflow-io imports, and fails at the first call.
    """
    if find_spec("tensorflow_io") is None:
        return False
    try:
        with quiet_start():
            import tensorflow as tf
            import tensorflow_io as tfio

            tfio.audio.decode_wav(tf.constant(PROBE), dtype=tf.int16)
    except (ImportError, NotImplementedError, AttributeError, OSError):
        return False
    return True


def decoded(path: Path) -> tuple[np.ndarray, int]:
    """The mean of the channels of a wav or flac file, (samples,) float32, and its sample rate.

    Raises:
        MediaError: if it is damaged or cut off.
    """
    import tensorflow as tf
    import tensorflow_io as tfio

    try:
        sound = tfio.audio.AudioIOTensor(str(path))
        samples, rate = sound.to_tensor().numpy(), int(sound.rate.numpy())
    except (tf.errors.OpError, ValueError) as error:
        reason = str(error).partition("} ")[2].partition(" [Op")[0] or str(error)
        raise MediaError(f"{path} cannot be decoded: {reason}") from error
    if samples.dtype.name in SCALES:
        middle, full = SCALES[samples.dtype.name]
        samples = (samples.astype("float64") - middle) / full
    return samples.astype("float32").mean(axis=1, dtype="float32"), rate
