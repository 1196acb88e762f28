"""What users of the audio features rely on: known sounds give known numbers, clip by clip."""

import json

import numpy as np
import pytest
from media import RATE, tone, write_sound

from keras_mer.data import Ragged
from keras_mer.features import AudioEncoder

pytestmark = pytest.mark.once


def column(rows, encoder, name):
    return rows[:, encoder.columns.index(name)]


@pytest.fixture
def voice():
    """A made-up vowel that rises from 110 to 165 Hz in 2 s, with a pause in its middle."""
    times = np.arange(2 * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(110 + 27.5 * times) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 12)) * 0.1
    sound[int(0.9 * RATE) : int(1.1 * RATE)] = 0
    noise = np.random.default_rng(0).normal(0, 1e-4, len(sound))
    return (sound + noise).astype("float32")


@pytest.mark.parametrize("hertz", [70, 120, 220, 390])
def test_the_pitch_of_a_tone(hertz):
    encoder = AudioEncoder("descriptors")
    overtones = sum(tone(k * hertz, level=0.2 / k) for k in (1, 2, 3))
    rows = encoder.encode([overtones])[0][5:-5]
    pitch = column(rows, encoder, "pitch")
    np.testing.assert_allclose(pitch, 12 * np.log2(hertz / 27.5), atol=0.1)
    assert column(rows, encoder, "voicing").min() > 0.9


def test_level_crossings_and_shape_of_a_tone():
    encoder = AudioEncoder("descriptors")
    rows = encoder.encode([tone(1000, level=0.5)])[0][5:-5]
    power = 10 * np.log10(0.5**2 / 2)
    np.testing.assert_allclose(column(rows, encoder, "level"), power, atol=0.1)
    np.testing.assert_allclose(column(rows, encoder, "zero_crossings"), 2 / 16, atol=0.005)
    np.testing.assert_allclose(column(rows, encoder, "centroid"), 1, atol=0.01)
    np.testing.assert_allclose(column(rows, encoder, "rolloff"), 1, atol=0.04)
    assert column(rows, encoder, "flatness").max() < 0.01
    assert column(rows, encoder, "flux").max() < 0.5


def test_noise_and_silence_have_no_pitch():
    encoder = AudioEncoder("descriptors")
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype("float32")
    rows = encoder.encode([noise, np.zeros(RATE, "float32")])
    assert (column(rows[0], encoder, "pitch") > 0).mean() < 0.1
    assert column(rows[0], encoder, "flatness").mean() > 0.4
    assert np.isfinite(rows.values).all()
    assert not column(rows[1], encoder, "pitch").any()
    np.testing.assert_allclose(column(rows[1], encoder, "level"), -100)


def test_the_band_of_a_tone_is_the_loudest():
    encoder = AudioEncoder("log-mel", mels=40)
    mels = encoder.encode([tone(1000)])[0]
    assert mels.shape == (100, 40)
    edges = np.linspace(2595 * np.log10(1 + 20 / 700), 2595 * np.log10(1 + 8000 / 700), 42)
    centres = 700 * (10 ** (edges[1:-1] / 2595) - 1)
    assert centres[mels[50].argmax()] == pytest.approx(1000, rel=0.06)


def test_functionals_of_a_voice(voice):
    encoder = AudioEncoder()
    row = encoder.encode([voice])
    values = dict(zip(encoder.columns, row[0][0].tolist(), strict=True))
    assert row.values.shape == (1, encoder.dimension) == (1, 267)
    assert values["voiced_share"] == pytest.approx(0.9, abs=0.05)
    assert values["voiced_segments_per_second"] == pytest.approx(1, abs=0.3)
    assert values["voiced_segment_seconds"] == pytest.approx(0.9, abs=0.2)
    ends = 12 * np.log2(np.array([110, 165]) / 27.5)
    assert values["pitch.slope"] == pytest.approx((ends[1] - ends[0]) / 2, rel=0.1)
    assert ends[0] < values["pitch.p10"] < values["pitch.p50"] < values["pitch.p90"] < ends[1]


def test_functionals_are_those_of_the_descriptors(voice):
    encoder, frames = AudioEncoder(), AudioEncoder("descriptors")
    values = dict(zip(encoder.columns, encoder.encode([voice])[0][0].tolist(), strict=True))
    rows = frames.encode([voice])[0]
    for name in ("level", "mfcc_3", "delta_flux"):
        own = column(rows, frames, name)
        slope = np.polyfit(np.arange(len(own)) * 0.01, own, 1)[0]
        expected = [own.mean(), own.std(), *np.percentile(own, [10, 50, 90]), slope]
        received = [
            values[f"{name}.{s}"] for s in ("mean", "deviation", "p10", "p50", "p90", "slope")
        ]
        np.testing.assert_allclose(received, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["functionals", "descriptors", "log-mel"])
def test_a_sound_does_not_depend_on_its_neighbours(kind, voice):
    sounds = [voice, tone(seconds=0.01), None, tone(300, 0.333), voice[:1], np.tile(voice, 8)]
    encoder = AudioEncoder(kind)
    together = encoder.encode(sounds)
    assert isinstance(together, Ragged)
    assert np.isfinite(together.values).all()
    for row, sound in enumerate(sounds):
        alone = AudioEncoder(kind, batch_size=1).encode([sound])[0]
        assert alone.shape == together[row].shape
        np.testing.assert_allclose(together[row], alone, rtol=1e-4, atol=1e-3)
    windows = [200, 1, 0, 34, 1, 1600]
    expected = [min(n, 1) for n in windows] if kind == "functionals" else windows
    assert together.lengths.tolist() == expected


def test_paths_and_arrays_are_the_same(tmp_path, voice):
    write_sound(tmp_path / "voice.flac", voice)
    encoder = AudioEncoder("log-mel")
    rows = encoder.encode([tmp_path / "voice.flac", str(tmp_path / "voice.flac"), voice])
    np.testing.assert_array_equal(rows[0], rows[1])
    assert np.abs(rows[0] - rows[2]).mean() < 0.5  # 16 bits are not 32


@pytest.mark.parametrize("kind", ["functionals", "descriptors", "log-mel"])
def test_a_specification_makes_the_same_encoder(kind):
    encoder = AudioEncoder(kind, sample_rate=8000, mels=40, hop=0.02)
    specification = json.loads(json.dumps(encoder.specification))
    again = AudioEncoder.from_specification(specification)
    assert again.specification == specification
    assert specification["dimension"] == len(encoder.columns) == len(set(encoder.columns))
    with pytest.raises(ValueError, match="audio features by 'openSMILE' are none of keras-mer"):
        AudioEncoder.from_specification({"extractor": "openSMILE"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": "mfcc"}, "one of functionals, descriptors, log-mel; received 'mfcc'"),
        ({"hop": 0.1}, "`hop` must be from a sample to `window`"),
        ({"mfcc": 64}, "`mfcc` must be 1 to `mels` - 1; received 64 and 64"),
        ({"lowest": 500}, "must rise from 30 Hz to a quarter"),
        ({"batch_size": 0}, "must be 1 or more; received 16000 and 0"),
    ],
)
def test_odd_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        AudioEncoder(**arguments)


def test_odd_sounds():
    encoder = AudioEncoder()
    with pytest.raises(TypeError, match=r"received ndarray\. Wrap a single one in a list"):
        encoder.encode(tone())
    for odd in (np.zeros((10, 2)), np.zeros(0), np.array([np.nan])):
        with pytest.raises(ValueError, match="row 1: expected a path, or"):
            encoder.encode([None, odd])
    assert encoder.encode([]).values.shape == (0, 267)


def test_padding_with_silence_can_be_left_out():
    sound = tone()
    padded = np.concatenate([np.zeros(RATE, "float32"), sound, np.zeros(3 * RATE, "float32")])
    kept, trimmed = AudioEncoder("descriptors"), AudioEncoder("descriptors", trim=True)
    assert len(kept.encode([padded])[0]) == 500
    np.testing.assert_allclose(
        trimmed.encode([padded])[0], trimmed.encode([sound])[0], rtol=1e-4, atol=1e-4
    )
    assert len(trimmed.encode([np.zeros(RATE)])[0]) == 100  # nothing but silence stays as it is
    assert AudioEncoder.from_specification(trimmed.specification).trim
