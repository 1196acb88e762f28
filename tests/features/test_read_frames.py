"""What users of any clip rely on: the pictures of the right moments, or a reason why not."""

import av
import numpy as np
import pytest
from media import squares, tone, write_clip

from keras_mer.features import MediaError, read_frames

pytestmark = pytest.mark.once


def left_edges(frames):
    """Where the white square begins, as a share of the width."""
    white = (frames[..., 2] > 128).any(axis=1)
    return white.argmax(axis=1) / frames.shape[2]


@pytest.fixture
def clip(tmp_path):
    """Three seconds at ten frames a second."""
    return write_clip(tmp_path / "clip.mp4", squares(30), samples=tone(seconds=3))


def test_frames_at_a_rate(clip):
    frames = read_frames(clip, frames_per_second=5, size=(64, 64))
    assert frames.shape == (15, 64, 64, 3)
    assert frames.dtype == "uint8"
    shown = np.arange(0, 30, 2)
    np.testing.assert_allclose(left_edges(frames), shown * 48 // 29 / 64, atol=2 / 64)
    np.testing.assert_allclose(frames[:, :16].mean(axis=(0, 1, 2)), [120, 0, 0], atol=8)


def test_a_number_of_frames(clip):
    frames = read_frames(clip, count=15)
    assert frames.shape == (15, 256, 256, 3)
    shown = np.arange(1, 30, 2)
    np.testing.assert_allclose(left_edges(frames), shown * 48 // 29 / 64, atol=2 / 64)
    assert read_frames(clip, count=1).shape == (1, 256, 256, 3)


def test_a_short_clip_repeats_its_frames(tmp_path):
    path = write_clip(tmp_path / "short.mp4", squares(2))
    frames = read_frames(path, count=6, size=(32, 48))
    assert frames.shape == (6, 32, 48, 3)
    assert (frames[:3] == frames[0]).all()
    assert (frames[3:] == frames[3]).all()
    assert not (frames[0] == frames[3]).all()
    one = write_clip(tmp_path / "one.mp4", squares(1))
    assert len(read_frames(one, frames_per_second=1, size=(8, 8))) == 1


@pytest.mark.parametrize("ending", [".mov", ".mkv", ".avi", ".ts"])
def test_every_container(tmp_path, ending):
    path = write_clip(tmp_path / f"clip{ending}", squares(30))
    frames = read_frames(path, frames_per_second=2, size=(64, 64))
    assert len(frames) == 6
    np.testing.assert_allclose(left_edges(frames), np.arange(0, 30, 5) * 48 // 29 / 64, atol=0.06)


def test_what_a_camera_turned_is_turned_back(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", squares(10))
    lying = read_frames(path, count=3, size=(48, 64))
    data = bytearray(path.read_bytes())
    # The matrix of the track's header, as telephones write it when they are held upright.
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(bytes(data))
    upright = read_frames(path, count=3, size=(64, 48))
    np.testing.assert_array_equal(upright, np.rot90(lying, -1, (1, 2)))


def broken(clip, what):
    data = bytearray(clip.read_bytes())
    if what == "empty":
        clip.write_bytes(b"")
    elif what == "no index":
        clip.write_bytes(data[: len(data) // 2])
    elif what == "overwritten":
        start = data.index(b"mdat") + 600
        data[start : start + 1500] = np.random.default_rng(1).bytes(1500)
        clip.write_bytes(bytes(data))
    elif what == "cut":
        whole = write_clip(
            clip.with_name("fast.mp4"),
            np.random.default_rng(0).integers(0, 255, (30, 64, 64, 3), "uint8"),
            options={"movflags": "faststart"},
        )
        clip = whole
        clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    elif what == "sound alone":
        return write_clip(clip.with_suffix(".m4a"), samples=tone())
    else:  # a track of pictures that holds none
        with av.open(str(clip), "w") as container:
            pictures = container.add_stream("libx264", rate=10)
            pictures.width = pictures.height = 64
            pictures.pix_fmt = "yuv420p"
            container.start_encoding()
    return clip


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("empty", "is an empty file"),
        ("no index", "cannot be decoded: Invalid data"),
        ("overwritten", "cannot be decoded|is damaged"),
        ("cut", "is cut off|cannot be decoded"),
        ("sound alone", "has no pictures"),
        ("no frames", "holds no frames|has no pictures|cannot be decoded"),
    ],
)
def test_what_is_broken_is_an_error_that_says_why(clip, what, reason):
    path = broken(clip, what)
    with pytest.raises(MediaError, match=reason) as caught:
        read_frames(path, count=15)
    assert str(path) in str(caught.value)


def test_odd_arguments(clip):
    with pytest.raises(ValueError, match="give one of `frames_per_second` and `count`"):
        read_frames(clip)
    with pytest.raises(ValueError, match="must be more than 0; received None, 0 and"):
        read_frames(clip, count=0)
    with pytest.raises(FileNotFoundError, match="there is no clip"):
        read_frames(clip.with_name("absent.mp4"), count=1)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("single_face.mp4", 2.4), ("face_noface.mov", 6.4), ("no_face.mp4", 3.9)],
)
def test_real_clips(real_data, name, seconds):
    path = next((real_data / "clips").rglob(name))
    frames = read_frames(path, frames_per_second=5, size=(64, 64))
    assert len(frames) == pytest.approx(5 * seconds, abs=1)
    assert read_frames(path, count=15).shape == (15, 256, 256, 3)
    assert frames.std() > 20


def test_faces_of_real_clips(real_data):
    pytest.importorskip("cv2")
    folder = next((real_data / "clips").rglob("single_face.mp4")).parent
    man = read_frames(folder / "single_face.mp4", frames_per_second=2, faces=True)
    assert man.shape == (5, 256, 256, 3)
    # The face of a man who hardly moves: alike from moment to moment, unlike the whole frame.
    steps = np.abs(np.diff(man.astype("float32"), axis=0)).mean()
    whole = read_frames(folder / "single_face.mp4", frames_per_second=2)
    assert steps < 30 < np.abs(man.astype("float32") - whole).mean()
    with pytest.raises(MediaError, match=r"no_face\.mp4 shows no face at any of 8 moments"):
        read_frames(folder / "no_face.mp4", frames_per_second=2, faces=True)
    half = read_frames(folder / "face_noface.mov", frames_per_second=2, faces=True)
    assert 4 <= len(half) <= 7  # of 13


def test_the_extra_for_faces_is_named(clip, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(ImportError, match=r'pip install "keras-mer\[faces\]"'):
        read_frames(clip, count=1, faces=True)
