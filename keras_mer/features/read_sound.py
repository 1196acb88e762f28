"""The sound of a clip, as samples."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer._extras import need
from keras_mer.features import _tensorflow_io
from keras_mer.features._media import MediaError, check_whole, checked_file, opened

BY_SOUNDFILE = (".wav", ".flac")
BLOCK = 1 << 18
SHORTER = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
UNKNOWN_SIZE = 0x7FFF0000  # and above: what is written where the length is not known yet


def read_sound(
    path: str | Path, sample_rate: int = 16000, decoder: str | None = None
) -> np.ndarray:
    """The sound of a clip: the mean of its channels, at one sample rate.

    `.wav` and `.flac` are read by soundfile, or by tensorflow-io where that is installed, works
    with the TensorFlow beside it, and soundfile is not there: the numbers are equal. Everything
    else (mp3, m4a, ogg, the sound track of mp4, mov, mkv, webm, avi ...) is read by PyAV,
    strictly: a damaged clip is an error, not noise. Another rate is changed by SciPy's polyphase
    filter, which shifts nothing in time.

    Args:
        path: the clip.
        sample_rate: samples a second of what is returned.
        decoder: "soundfile", "tensorflow-io" or "av", to have no other.

    Returns:
        (samples,) float32; full scale is -1 to 1.

    Raises:
        FileNotFoundError: if there is no such file.
        ImportError: if the decoder is not installed, or its operations do not load.
        MediaError: (a `ValueError`) if the file is empty, damaged, cut off, or has no sound.

    Example:
        ```python
        samples = keras_mer.features.read_sound("clip.mp4")
        len(samples) / 16000  # seconds
        ```
    """
    if sample_rate < 1:
        raise ValueError(f"`sample_rate` must be 1 or more; received {sample_rate}")
    path = checked_file(path)
    samples, rate = _decoders(path, decoder)(path)
    if not len(samples):
        raise MediaError(f"{path} holds no samples")
    if not np.isfinite(samples).all():
        raise MediaError(f"{path} holds samples that are NaN or infinite")
    return resampled(samples, rate, sample_rate)


def _decoders(path: Path, wanted: str | None) -> Callable[[Path], tuple[np.ndarray, int]]:
    """What reads a clip."""
    if wanted is None:
        plain = path.suffix.lower() in BY_SOUNDFILE
        if plain and find_spec("soundfile") is None and _tensorflow_io.loads():
            return _tensorflow_io.decoded
        return _by_soundfile if plain else _by_av
    known = {"soundfile": _by_soundfile, "av": _by_av, "tensorflow-io": _tensorflow_io.decoded}
    if wanted not in known:
        raise ValueError(f"`decoder` must be one of {', '.join(known)}; received {wanted!r}")
    if wanted == "tensorflow-io" and not _tensorflow_io.loads():
        raise ImportError(
            "tensorflow-io is not installed, or was built for another TensorFlow than the one "
            "that is: 0.37 needs TensorFlow 2.16"
        )
    return known[wanted]


def resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """(samples,) float32 at another rate."""
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly

    common = math.gcd(rate, wanted)
    return resample_poly(samples, wanted // common, rate // common).astype("float32")


def _by_soundfile(path: Path) -> tuple[np.ndarray, int]:
    soundfile = need("soundfile", "audio", f"to read {path.suffix} files")
    try:
        with soundfile.SoundFile(path) as file:
            _check_length(path, file.extra_info)
            # Block by block: only one channel of a long recording is ever held.
            blocks = [
                block.mean(axis=1, dtype="float32")
                for block in file.blocks(BLOCK, dtype="float32", always_2d=True)
            ]
            read, promised = sum(map(len, blocks)), file.frames
            rate = file.samplerate
    except soundfile.LibsndfileError as error:
        raise MediaError(f"{path} cannot be decoded: {error.error_string}") from error
    if read < promised:
        raise MediaError(f"{path} is cut off: {read} of {promised} samples are there")
    return _joined(blocks), rate


def _check_length(path: Path, remarks: str) -> None:
    """Raises a `MediaError` if a wav file is shorter than its own header says."""
    found = SHORTER.search(remarks)
    if found and int(found[2]) < int(found[1]) < UNKNOWN_SIZE:
        raise MediaError(f"{path} is cut off: {found[2]} of {found[1]} bytes of sound are there")


def _by_av(path: Path) -> tuple[np.ndarray, int]:
    with opened(path, "audio") as (container, track):
        from av import AudioResampler

        rate = track.rate
        # Only the sample format is changed here; equal rates for every frame of odd files.
        to_float = AudioResampler(format="fltp", rate=rate)
        blocks = []
        for frame in container.decode(track):
            blocks += [_mono(part) for part in to_float.resample(frame)]
        if blocks:
            blocks += [_mono(part) for part in to_float.resample(None)]
        samples = _joined(blocks)
        check_whole(path, track, len(samples) / rate)
    return samples, rate


def _mono(frame: Any) -> np.ndarray:
    return np.mean(frame.to_ndarray(), axis=0, dtype="float32")


def _joined(blocks: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(blocks) if blocks else np.zeros(0, "float32")
