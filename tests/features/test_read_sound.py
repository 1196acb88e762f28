"""What users of any recording rely on: the same sound whatever the file, or a reason why not."""

import numpy as np
import pytest
import soundfile
from media import RATE, squares, tone, write_clip, write_sound

from keras_mer.features import MediaError, _tensorflow_io, read_sound

pytestmark = pytest.mark.once


def loudest_hertz(samples, rate=RATE):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * rate / len(samples)


@pytest.mark.parametrize("ending", [".wav", ".flac", ".mp3", ".m4a", ".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_every_kind_of_file_is_the_same_sound(tmp_path, ending, rate):
    path = write_sound(tmp_path / f"tone{ending}", tone(440, 1.5, rate), rate)
    samples = read_sound(path)
    assert samples.dtype == "float32"
    assert len(samples) == pytest.approx(1.5 * RATE, abs=0.15 * RATE)
    assert loudest_hertz(samples) == pytest.approx(440, abs=2)
    middle = samples[RATE // 2 : RATE]
    assert np.abs(middle).max() == pytest.approx(0.5, rel=0.05)


def test_a_wav_comes_back_exactly(tmp_path):
    samples = tone(300, 0.3)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    np.testing.assert_array_equal(read_sound(tmp_path / "a.wav"), samples)


def test_pyav_and_soundfile_read_the_same(tmp_path):
    path = write_sound(tmp_path / "a.wav", tone(300, 0.7, 22050), 22050)
    renamed = path.rename(tmp_path / "a.wave")  # an ending that is left to PyAV
    np.testing.assert_allclose(
        read_sound(renamed), read_sound(renamed.rename(tmp_path / "b.wav")), atol=1e-7
    )


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "flac"])
def test_tensorflow_io_and_soundfile_read_the_same(tmp_path, subtype):
    if not _tensorflow_io.loads():
        pytest.skip("tensorflow-io is not installed, or not for this TensorFlow")
    both = np.stack([tone(300, 0.7, 22050), tone(500, 0.7, 22050, level=0.2)], axis=1)
    path = tmp_path / ("a.flac" if subtype == "flac" else "a.wav")
    soundfile.write(path, both, 22050, subtype=None if subtype == "flac" else subtype)
    np.testing.assert_allclose(
        read_sound(path, 22050, "tensorflow-io"), read_sound(path, 22050, "soundfile"), atol=1e-7
    )
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(MediaError, match="cannot be decoded"):
        read_sound(path, 22050, "tensorflow-io")


def test_a_decoder_that_is_not_there(tmp_path):
    path = write_sound(tmp_path / "a.wav", tone())
    with pytest.raises(ValueError, match="`decoder` must be one of soundfile, av, tensorflow-io"):
        read_sound(path, decoder="ffmpeg")
    if not _tensorflow_io.loads():
        with pytest.raises(ImportError, match="built for another TensorFlow"):
            read_sound(path, decoder="tensorflow-io")


def test_channels_are_averaged(tmp_path):
    both = np.stack([tone(300), np.zeros(RATE, "float32")], axis=1)
    write_sound(tmp_path / "two.wav", both)
    np.testing.assert_allclose(read_sound(tmp_path / "two.wav"), tone(300) / 2, atol=1e-4)


def test_resampling_shifts_nothing_and_folds_nothing_back(tmp_path):
    write_sound(tmp_path / "low.wav", tone(300, 1, 44100), 44100)
    write_sound(tmp_path / "high.wav", tone(12000, 1, 44100), 44100)
    inner = slice(500, -500)
    np.testing.assert_allclose(read_sound(tmp_path / "low.wav")[inner], tone(300)[inner], atol=2e-3)
    assert np.abs(read_sound(tmp_path / "high.wav")[inner]).max() < 1e-3


def broken(folder, what):
    path = folder / f"{what}.wav"
    if what == "empty":
        path.write_bytes(b"")
    elif what == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(5000))
    elif what == "no samples":
        soundfile.write(path, np.zeros(0, "float32"), RATE)
    elif what == "cut":
        write_sound(path, tone())
        path.write_bytes(path.read_bytes()[:20000])
    elif what == "not a number":
        soundfile.write(path, np.full(100, np.nan, "float32"), RATE, subtype="FLOAT")
    elif what == "cut flac":
        path = write_sound(folder / "cut.flac", tone(seconds=3))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif what == "cut mp4":
        path = write_clip(folder / "cut.mp4", samples=tone(seconds=3))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif what == "cut streaming mp4":
        path = write_clip(
            folder / "cut.mp4", samples=tone(seconds=9), options={"movflags": "faststart"}
        )
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif what == "overwritten mp4":
        path = write_clip(folder / "over.mp4", samples=tone(seconds=3))
        data = bytearray(path.read_bytes())
        data[2000:6000] = np.random.default_rng(0).bytes(4000)
        path.write_bytes(bytes(data))
    else:
        path = write_clip(folder / "silent.mp4", frames=squares(5))
    return path


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("empty", "is an empty file"),
        ("noise", "cannot be decoded: "),
        ("no samples", "holds no samples"),
        ("cut", "is cut off: 19956 of 32000 bytes of sound are there"),
        ("not a number", "NaN or infinite"),
        ("cut flac", "cannot be decoded|is cut off"),
        ("cut mp4", "cannot be decoded: Invalid data"),
        ("cut streaming mp4", "cannot be decoded|is cut off"),
        ("overwritten mp4", "cannot be decoded"),
        ("pictures alone", "has no sound"),
    ],
)
def test_what_is_broken_is_an_error_that_says_why(tmp_path, what, reason):
    with pytest.raises(MediaError, match=reason) as caught:
        read_sound(broken(tmp_path, what))
    assert str(tmp_path) in str(caught.value)


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no clip"):
        read_sound(tmp_path / "absent.wav")
    with pytest.raises(ValueError, match="`sample_rate` must be 1 or more; received 0"):
        read_sound(tmp_path / "absent.wav", 0)


def test_the_extra_is_named(tmp_path, monkeypatch):
    path = write_sound(tmp_path / "a.wav", tone())
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    monkeypatch.setattr(_tensorflow_io, "loads", lambda: False)
    with pytest.raises(ImportError, match=r'pip install "keras-mer\[audio\]"'):
        read_sound(path)
