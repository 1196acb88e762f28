"""The descriptors of every window of a batch of sounds, and what sums a sound up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft

from keras_mer.features import _acoustics as acoustics

SHAPE = ("centroid", "bandwidth", "rolloff", "flatness")
STATISTICS = ("mean", "deviation", "p10", "p50", "p90", "slope")
VOICING = ("voiced_share", "voiced_segments_per_second", "voiced_segment_seconds")
VOICED = 0.45  # the least periodic share of a voiced window
QUIET = 40.0  # dB below the loudest window of its sound, and no window is voiced
SILENT = -80.0  # dB below full scale
SEMITONES_ABOVE = 27.5  # Hz


@dataclass(frozen=True)
class Descriptors:
    """What is measured, and how.

    Attributes:
        sample_rate: samples a second.
        window: seconds of a window of the spectrum; that of the pitch is twice as long.
        hop: seconds from one window to the next.
        mels: how many bands the log-mel spectrum has.
        mfcc: how many cepstral coefficients, from the first on.
        lowest: the lowest fundamental frequency in Hz.
        highest: the highest one.
    """

    sample_rate: int
    window: float
    hop: float
    mels: int
    mfcc: int
    lowest: float
    highest: float

    @cached_property
    def width(self) -> int:
        """Samples of a window of the spectrum."""
        return round(self.window * self.sample_rate)

    @cached_property
    def step(self) -> int:
        """Samples from one window to the next."""
        return round(self.hop * self.sample_rate)

    @cached_property
    def pitch_width(self) -> int:
        """Samples of a window of the pitch: three periods of the lowest, or two windows."""
        return max(2 * self.width, round(3 * self.sample_rate / self.lowest))

    @property
    def columns(self) -> list[str]:
        """The names of the descriptors, in order."""
        basic = ["level", "zero_crossings", "pitch", "voicing", *SHAPE, "flux"]
        basic += [f"mfcc_{i}" for i in range(1, self.mfcc + 1)]
        return basic + [f"delta_{name}" for name in basic]

    @property
    def summary_columns(self) -> list[str]:
        """The names of the functionals, in order."""
        return [f"{name}.{statistic}" for statistic in STATISTICS for name in self.columns] + [
            *VOICING
        ]

    def laid_out(self, sounds: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sounds in one array, silence between them: samples, centres of windows, offsets.

        A window stands at every multiple of the hop; a sound of n samples has ceil(n / hop).
        """
        gap = np.zeros(self.pitch_width, "float32")
        samples = np.concatenate([gap] + [part for sound in sounds for part in (sound, gap)])
        counts = np.array([-(-len(sound) // self.step) for sound in sounds], dtype="int64")
        offsets = np.concatenate([[0], np.cumsum(counts)])
        lengths = np.array([len(sound) + len(gap) for sound in sounds], dtype="int64")
        begins = len(gap) + np.cumsum(lengths) - lengths
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
        return samples, np.repeat(begins, counts) + within * self.step, offsets

    def log_mel(self, samples: np.ndarray, centres: np.ndarray) -> np.ndarray:
        """(windows, mels) float32: natural logarithms of the energy in each band."""
        return np.concatenate(
            [self._log_mel(self._powers(samples, part)) for part in _blocks(centres)]
        )

    def measured(self, samples: np.ndarray, centres: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """(windows, columns) float32; the pitch is 0, and has no delta, where nothing is voiced."""
        blocks = [self._block(samples, part) for part in _blocks(centres)]
        log_mel = np.concatenate([block[0] for block in blocks])
        basic = np.concatenate([block[1] for block in blocks])
        before, after = _neighbours(offsets)
        flux = np.sqrt(np.mean((log_mel - log_mel[before]) ** 2, axis=1))
        cepstra = fft.dct(log_mel, axis=1, norm="ortho")[:, 1 : self.mfcc + 1]
        basic = np.concatenate([basic, flux[:, None], cepstra], axis=1)
        voiced = _voiced(basic[:, 0], basic[:, 3], basic[:, 2], offsets)
        above = 12 * np.log2(np.where(voiced, basic[:, 2], SEMITONES_ABOVE) / SEMITONES_ABOVE)
        basic[:, 2] = above
        deltas = (basic[after] - basic[before]) / (2 * self.step / self.sample_rate)
        deltas[~(voiced[before] & voiced & voiced[after]), 2] = 0
        return np.concatenate([basic, deltas], axis=1).astype("float32")

    def summed_up(self, values: np.ndarray) -> np.ndarray:
        """(functionals,) float32 of one sound's (windows, columns)."""
        seconds = (np.arange(len(values)) * self.step / self.sample_rate).astype("float32")
        statistics = _statistics(values, seconds)
        voiced = values[:, 2] != 0
        at, delta_at = 2, 2 + values.shape[1] // 2
        whole = values[:, [at, delta_at]]
        statistics[:, [at, delta_at]] = 0
        if voiced.any():  # Of the pitch, only what was heard counts.
            statistics[:, [at, delta_at]] = _statistics(whole[voiced], seconds[voiced])
        begun = voiced & ~np.concatenate([[False], voiced[:-1]])
        hop = self.step / self.sample_rate
        segments = int(begun.sum())
        voicing = [
            voiced.mean(),
            segments / (len(values) * hop),
            voiced.sum() * hop / max(segments, 1),
        ]
        return np.concatenate([statistics.ravel(), voicing]).astype("float32")

    @property
    def _size(self) -> int:
        return 1 << (self.width - 1).bit_length()

    def _powers(self, samples: np.ndarray, centres: np.ndarray) -> np.ndarray:
        return acoustics.power_spectra(acoustics.windows(samples, centres, self.width), self._size)

    def _log_mel(self, powers: np.ndarray) -> np.ndarray:
        filters = acoustics.mel_filters(self.sample_rate, self._size, self.mels)
        return np.log(powers @ filters + np.float32(acoustics.FLOOR))

    def _block(self, samples: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log-mel spectrum, and level, zero crossings, Hz, voicing and shape side by side."""
        frames = acoustics.windows(samples, centres, self.width)
        powers = acoustics.power_spectra(frames, self._size)
        hertz, height = acoustics.pitch(
            acoustics.windows(samples, centres, self.pitch_width),
            self.sample_rate,
            self.lowest,
            self.highest,
        )
        basic = [acoustics.levels(frames), acoustics.zero_crossings(frames), hertz, height]
        shape = acoustics.spectral_shape(powers, self.sample_rate)
        return self._log_mel(powers), np.concatenate([np.stack(basic, axis=1), shape], axis=1)


def _blocks(centres: np.ndarray) -> list[np.ndarray]:
    return np.split(centres, range(acoustics.BLOCK, len(centres), acoustics.BLOCK))


def _neighbours(offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each window's neighbours in its own sound; at an end, the window itself."""
    places = np.arange(offsets[-1])
    counts = np.diff(offsets)
    first, last = np.repeat(offsets[:-1], counts), np.repeat(offsets[1:] - 1, counts)
    return np.maximum(places - 1, first), np.minimum(places + 1, last)


def _voiced(
    level: np.ndarray, voicing: np.ndarray, hertz: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """(windows,) bool: periodic, and not much more silent than the rest of the sound."""
    loudest = np.repeat(np.maximum.reduceat(level, offsets[:-1]), np.diff(offsets))
    heard = level > np.maximum(loudest - QUIET, SILENT)
    return (voicing >= VOICED) & heard & (hertz > SEMITONES_ABOVE)


def _statistics(values: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """(6, columns): mean, deviation, percentiles 10, 50 and 90, slope a second."""
    mean = values.mean(axis=0, dtype="float64")
    time = seconds - seconds.mean()
    spread = float(time @ time)
    slope = time @ (values - mean) / spread if spread else np.zeros_like(mean)
    low, middle, high = np.percentile(values, [10, 50, 90], axis=0)
    return np.stack([mean, values.std(axis=0), low, middle, high, slope])
