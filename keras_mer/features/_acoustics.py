"""What can be measured in short windows of sound: NumPy alone, every window at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft

FLOOR = 1e-10  # of powers: -100 dB
ROLLOFF = 0.85
OCTAVE_COST = 0.01  # what a peak an octave lower must be better by
BLOCK = 1024  # windows at once: their spectra fit in a cache


def windows(samples: np.ndarray, centres: np.ndarray, width: int) -> np.ndarray:
    """(windows, width): the samples around each centre; there must be `width` of them."""
    starts = centres - width // 2
    return np.lib.stride_tricks.sliding_window_view(samples, width)[starts]


@lru_cache(maxsize=8)
def hann(width: int) -> np.ndarray:
    """(width,) float32: a window whose copies add up."""
    angles = 2 * np.pi * np.arange(width) / width
    return (0.5 - 0.5 * np.cos(angles)).astype("float32")


@lru_cache(maxsize=8)
def mel_filters(sample_rate: int, size: int, mels: int, low: float = 20.0) -> np.ndarray:
    """(size // 2 + 1, mels) float32: triangles on the HTK mel scale, each with the peak 1."""
    high = sample_rate / 2
    points = np.linspace(_mel(low), _mel(high), mels + 2)
    edges = 700 * (10 ** (points / 2595) - 1)
    bins = np.linspace(0, high, size // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    return np.maximum(0, np.minimum(rising, falling)).astype("float32")


def _mel(hertz: float) -> float:
    return 2595 * float(np.log10(1 + hertz / 700))


def power_spectra(frames: np.ndarray, size: int) -> np.ndarray:
    """(windows, size // 2 + 1) float32."""
    spectra = fft.rfft(frames * hann(frames.shape[1]), size, axis=1)
    return spectra.real**2 + spectra.imag**2


def levels(frames: np.ndarray) -> np.ndarray:
    """(windows,) float32: the energy in dB below full scale, not under -100."""
    return 10 * np.log10(np.mean(frames**2, axis=1) + np.float32(FLOOR))


def zero_crossings(frames: np.ndarray) -> np.ndarray:
    """(windows,) float32: the share of neighbouring samples between which the sign changes."""
    negative = np.signbit(frames)
    return np.mean(negative[:, 1:] != negative[:, :-1], axis=1, dtype="float32")


def spectral_shape(powers: np.ndarray, sample_rate: int) -> np.ndarray:
    """(windows, 4) float32: centroid, bandwidth and rolloff in kHz, and flatness (0 to 1).

    All are 0 in silence.
    """
    kilohertz = np.linspace(0, sample_rate / 2000, powers.shape[1], dtype="float32")
    total = powers.sum(axis=1)
    heard = total > FLOOR * powers.shape[1]
    safe = np.where(heard, total, 1)
    centroid = powers @ kilohertz / safe
    spread = powers @ kilohertz**2 / safe - centroid**2
    below = np.cumsum(powers, axis=1) < ROLLOFF * total[:, None]
    rolloff = kilohertz[np.minimum(below.sum(axis=1), powers.shape[1] - 1)]
    geometric = np.exp(np.log(powers + np.float32(FLOOR)).mean(axis=1))
    flatness = geometric / (safe / powers.shape[1] + np.float32(FLOOR))
    shape = [centroid, np.sqrt(np.maximum(spread, 0)), rolloff, np.minimum(flatness, 1)]
    return np.where(heard[:, None], np.stack(shape, axis=1), 0).astype("float32")


def pitch(
    frames: np.ndarray, sample_rate: int, lowest: float, highest: float
) -> tuple[np.ndarray, np.ndarray]:
    """The fundamental frequency by autocorrelation.

    The autocorrelation of the windowed signal is divided by that of the window itself, which
    makes the height of its peak the share of the energy that is periodic.

    Args:
        frames: (windows, width), at least two periods of `lowest` wide.
        sample_rate: samples a second.
        lowest: Hz.
        highest: Hz.

    Returns:
        (windows,) float32 in Hz, 0 where there is no peak; and (windows,) float32, the height of
        the peak, 0 to 1.

    Reference: Boersma, "Accurate short-term analysis of the fundamental frequency", 1993.
    """
    first, last = int(sample_rate / highest), int(sample_rate / lowest) + 1
    width = frames.shape[1]
    size = fft.next_fast_len(width + last + 2, real=True)
    own = _autocorrelation(hann(width)[None], size, last + 2)
    centred = (frames - frames.mean(axis=1, keepdims=True)) * hann(width)
    found = _autocorrelation(centred, size, last + 2)
    energy = np.maximum(found[:, :1], np.float32(FLOOR))
    shares = found / energy / (own / own[:, :1])
    lags = np.arange(first, last + 1)
    before, here, after = (
        shares[:, first - 1 : last],
        shares[:, first : last + 1],
        shares[:, lags + 1],
    )
    peak = (here > before) & (here >= after) & (here > 0)
    score = np.where(peak, here - OCTAVE_COST * np.log2(lags * lowest / sample_rate), -np.inf)
    best = np.argmax(score, axis=1)[:, None]
    a, b, c = (np.take_along_axis(part, best, 1)[:, 0] for part in (before, here, after))
    bend = a - 2 * b + c  # the top of the parabola through the three
    shift = np.clip(np.where(bend < 0, (a - c) / np.where(bend < 0, 2 * bend, 1), 0), -0.5, 0.5)
    any_peak = peak.any(axis=1)
    hertz = np.where(any_peak, sample_rate / (lags[best[:, 0]] + shift), 0)
    height = np.where(any_peak, np.clip(b - shift * (a - c) / 4, 0, 1), 0)
    return hertz.astype("float32"), height.astype("float32")


def _autocorrelation(frames: np.ndarray, size: int, lags: int) -> np.ndarray:
    spectra = fft.rfft(frames, size, axis=1)
    return fft.irfft(spectra.real**2 + spectra.imag**2, size, axis=1)[:, :lags]
