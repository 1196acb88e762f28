"""Audio features from recordings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_mer.features._descriptors import STATISTICS, Descriptors
from keras_mer.features._media import listed
from keras_mer.features.read_sound import read_sound

if TYPE_CHECKING:
    from keras_mer.data import Ragged

KINDS = ("functionals", "descriptors", "log-mel")
VERSION = 1
HEARD = 1e-4  # of full scale, -80 dB
Sound = str | Path | np.ndarray | None


class AudioEncoder:
    """Turns recordings into log-mel spectra, prosodic and spectral descriptors, or functionals.

    Sound is mixed down to the mean of its channels and brought to one sample rate. Every hop a
    window is cut out around that moment, with silence beyond both ends.

    - `"log-mel"`: a vector per window, the natural logarithm of the energy in each band of a
      mel filter bank (HTK scale, 20 Hz to half the sample rate, triangles of height 1, a Hann
      window, power spectra).
    - `"descriptors"`: a vector per window. `level` in dB below full scale; `zero_crossings`, a
      share; `pitch` in semitones above 27.5 Hz, by Boersma's normalised autocorrelation, 0
      where nothing is voiced; `voicing`, the periodic share of the energy; `centroid`,
      `bandwidth` and `rolloff` (85 %) of the power spectrum in kHz, and its `flatness`; `flux`,
      the root mean square change of the log-mel spectrum since the window before; `mfcc_1` on,
      the orthonormal cosine transform of the log-mel spectrum; and of each the central
      difference a second, `delta_...`.
    - `"functionals"`: one vector per recording. Of each descriptor the mean, the standard
      deviation, the percentiles 10, 50 and 90 and the slope of a line a second (of the pitch
      over voiced windows only); then the share of voiced windows, the voiced segments a
      second, and their mean length in seconds.

    Nothing is standardised: that is what `keras_mer.data.Preprocessor` is for. `columns` names
    every number.

    Args:
        features: one of the three.
        sample_rate: samples a second.
        window: seconds of a window; that of the pitch is twice as long or more.
        hop: seconds from one window to the next.
        mels: bands of the mel filter bank.
        mfcc: cepstral coefficients, from the first on; fewer than `mels`.
        lowest: the lowest pitch in Hz.
        highest: the highest one.
        trim: whether to leave out the silence (below -80 dB) before the first and after the last
            sound: recordings that were padded to one length are then as long as they were.
        batch_size: how many recordings are computed at once.

    Attributes:
        specification: what the features are, for the description of a data set.

    Raises:
        ValueError: if an argument is out of range.

    Example:

    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 220 * np.arange(16000) / 16000).astype("float32")
    >>> encoder = AudioEncoder("descriptors")
    >>> rows = encoder.encode([tone])
    >>> rows[0].shape
    (100, 44)
    >>> float(rows[0][50, encoder.columns.index("pitch")].round(2))  # A3, three octaves up
    36.0
    """

    modality = "audio"

    def __init__(
        self,
        features: str = "functionals",
        sample_rate: int = 16000,
        window: float = 0.025,
        hop: float = 0.01,
        mels: int = 64,
        mfcc: int = 13,
        lowest: float = 60.0,
        highest: float = 400.0,
        trim: bool = False,
        batch_size: int = 16,
    ) -> None:
        if features not in KINDS:
            raise ValueError(f"`features` must be one of {', '.join(KINDS)}; received {features!r}")
        if sample_rate < 1 or batch_size < 1:
            raise ValueError(
                f"`sample_rate` and `batch_size` must be 1 or more; received {sample_rate} and "
                f"{batch_size}"
            )
        if not 1 / sample_rate <= hop <= window:
            raise ValueError(
                f"`hop` must be from a sample to `window`, in seconds; received {hop} and {window}"
            )
        if not 0 < mfcc < mels:
            raise ValueError(f"`mfcc` must be 1 to `mels` - 1; received {mfcc} and {mels}")
        if not 30 <= lowest < highest <= sample_rate / 4:
            raise ValueError(
                "`lowest` and `highest` must rise from 30 Hz to a quarter of the sample rate; "
                f"received {lowest} and {highest}"
            )
        self.features = features
        self.trim = trim
        self.descriptors = Descriptors(
            sample_rate, window, hop, mels, mfcc, float(lowest), float(highest)
        )
        self.batch_size = batch_size

    @classmethod
    def from_specification(cls, specification: Mapping[str, Any]) -> AudioEncoder:
        """The encoder of a `specification`; what it leaves out is as by default.

        Raises:
            ValueError: if the features come from another extractor.
        """
        extractor = str(specification.get("extractor"))
        kinds = {_extractor(kind): kind for kind in KINDS}
        if extractor not in kinds:
            raise ValueError(f"audio features by {extractor!r} are none of {', '.join(kinds)}")
        known = ("sample_rate", "window", "hop", "mels", "mfcc", "lowest", "highest", "trim")
        given = {name: specification[name] for name in known if name in specification}
        return cls(kinds[extractor], **given)

    @property
    def columns(self) -> list[str]:
        """The name of every number of a vector."""
        if self.features == "log-mel":
            return [f"log_mel_{i}" for i in range(self.descriptors.mels)]
        wanted = self.descriptors
        return wanted.columns if self.features == "descriptors" else wanted.summary_columns

    @property
    def dimension(self) -> int:
        """The width of a vector."""
        return len(self.columns)

    @property
    def specification(self) -> dict[str, Any]:
        """What the features are: equal specifications mean equal features."""
        wanted = self.descriptors
        specification: dict[str, Any] = {
            "modality": self.modality,
            "extractor": _extractor(self.features),
            "version": VERSION,
            "dimension": self.dimension,
            "sample_rate": wanted.sample_rate,
            "channels": "mean",
            "window": wanted.window,
            "hop": wanted.hop,
            "mels": wanted.mels,
            "trim": self.trim,
            "normalisation": None,
        }
        if self.features != "log-mel":
            specification |= {
                "mfcc": wanted.mfcc,
                "lowest": wanted.lowest,
                "highest": wanted.highest,
            }
        if self.features == "functionals":
            specification["statistics"] = list(STATISTICS)
        return specification

    def encode(self, sounds: Sequence[Sound]) -> Ragged:
        """One `(windows, dimension)` float32 array per sound; of functionals one vector.

        Args:
            sounds: clips, as paths, or (samples,) arrays at `sample_rate`. `None`, a missing
                recording, gives no steps.

        Raises:
            FileNotFoundError: if there is no such clip.
            MediaError: (a `ValueError`) if a clip is broken or has no sound.
            TypeError: if `sounds` is a single path or array.
            ValueError: if an array has not one axis, is empty, or holds NaN or infinity.
        """
        from keras_mer.data import Ragged

        given = listed(sounds)
        rows: list[np.ndarray | None] = [None] * len(given)
        present = [row for row, sound in enumerate(given) if sound is not None]
        for start in range(0, len(present), self.batch_size):
            batch = present[start : start + self.batch_size]
            samples = [self._samples(given[row], row) for row in batch]
            for row, vectors in zip(batch, self._computed(samples), strict=True):
                rows[row] = vectors
        return Ragged.from_list(rows, dim=self.dimension)

    def _samples(self, sound: Any, row: int) -> np.ndarray:
        samples = self._read(sound, row)
        if not self.trim:
            return samples
        heard = np.flatnonzero(np.abs(samples) > HEARD)
        return samples[heard[0] : heard[-1] + 1] if len(heard) else samples

    def _read(self, sound: Any, row: int) -> np.ndarray:
        if isinstance(sound, str | os.PathLike):
            return read_sound(Path(sound), self.descriptors.sample_rate)
        array = np.asarray(sound, dtype="float32")
        if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
            raise ValueError(
                f"row {row}: expected a path, or (samples,) finite numbers; received the shape "
                f"{array.shape}" + ("" if np.isfinite(array).all() else " with NaN or infinity")
            )
        return array

    def _computed(self, sounds: Sequence[np.ndarray]) -> list[np.ndarray]:
        wanted = self.descriptors
        samples, centres, offsets = wanted.laid_out(sounds)
        if self.features == "log-mel":
            return np.split(wanted.log_mel(samples, centres), offsets[1:-1])
        each = np.split(wanted.measured(samples, centres, offsets), offsets[1:-1])
        if self.features == "descriptors":
            return each
        return [wanted.summed_up(values)[None] for values in each]


def _extractor(kind: str) -> str:
    return f"keras-mer {kind} {VERSION}"
