"""What users of the light frame features rely on: known pictures give known numbers."""

import json

import numpy as np
import pytest
from media import squares, tone, write_clip, write_sound

from keras_mer.data import Dataset, find_clips
from keras_mer.features import AudioEncoder, VideoEncoder, extract, video_encoder

pytestmark = pytest.mark.once


def values(frames):
    encoder = VideoEncoder()
    return dict(zip(encoder.columns, encoder.encode([frames])[0].T, strict=True))


def test_light_and_colour():
    frames = np.zeros((2, 64, 64, 3), "uint8")
    frames[1, ..., 2] = 255
    found = values(frames)
    np.testing.assert_allclose(found["brightness"], [0, 0.114], atol=1e-6)
    np.testing.assert_allclose(found["blue"], [0, 0.886], atol=1e-6)
    np.testing.assert_allclose(found["motion"], [0, 0.114], atol=1e-6)
    np.testing.assert_allclose(found["contrast"], 0, atol=1e-6)
    assert not any(found[name].any() for name in found if name.startswith("edges"))


def test_motion_is_where_something_moves():
    frames = np.zeros((3, 64, 64, 3), "uint8")
    frames[1, 16:32, 48:] = 255
    found = values(frames)
    np.testing.assert_allclose(found["motion_1_3"], [0, 1, 1], atol=1e-6)
    np.testing.assert_allclose(found["motion"], [0, 1 / 16, 1 / 16], atol=1e-6)
    assert not found["motion_3_1"].any()


@pytest.mark.parametrize(("axis", "way"), [(1, 0), (0, 4)])
def test_edges_have_a_direction_and_no_sign(axis, way):
    ramp = np.broadcast_to(np.arange(64) * 4, (64, 64))
    picture = np.repeat((ramp if axis else ramp.T)[None, ..., None], 3, axis=-1).astype("uint8")
    for frames in (picture, 255 - picture):
        found = values(frames)
        names = [f"edges_{r}_{c}_{way}" for r in range(4) for c in range(4)]
        np.testing.assert_allclose([found[name][0] for name in names], 0.25, atol=1e-3)


def test_blocks_change_nothing(monkeypatch):
    frames = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), dtype="uint8")
    whole = VideoEncoder().encode([frames, None, frames[:3]])
    monkeypatch.setattr(video_encoder, "BLOCK", 7)
    np.testing.assert_allclose(VideoEncoder().encode([frames])[0], whole[0], atol=1e-6)
    np.testing.assert_allclose(whole[2], whole[0][:3], atol=1e-6)
    assert whole.lengths.tolist() == [20, 0, 3]


@pytest.mark.parametrize("faces", [False, True])
def test_a_specification_makes_the_same_encoder(faces):
    encoder = VideoEncoder(2, faces)
    specification = json.loads(json.dumps(encoder.specification))
    again = VideoEncoder.from_specification(specification)
    assert again.faces == faces
    assert again.specification == specification
    assert specification["dimension"] == len(set(encoder.columns)) == 152
    with pytest.raises(ValueError, match="video features by 'OpenFace' are none of"):
        VideoEncoder.from_specification({"extractor": "OpenFace"})


def test_odd_arguments():
    with pytest.raises(ValueError, match="must be more than 0; received 0"):
        VideoEncoder(0)
    with pytest.raises(TypeError, match=r"received str\. Wrap a single one"):
        VideoEncoder().encode("clip.mp4")
    with pytest.raises(ValueError, match="row 0: expected a path, or"):
        VideoEncoder().encode([np.zeros((3, 32, 32, 3), "uint8")])


def test_sound_and_pictures_of_a_corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    write_clip(folder / "both.mp4", squares(20), samples=tone(seconds=2))
    write_clip(folder / "dumb.mp4", squares(30))
    write_sound(folder / "voice.wav", tone())
    (folder / "broken.mp4").write_bytes(b"\0" * 100)
    encoders = {"audio": AudioEncoder(), "video": VideoEncoder()}
    done = extract(find_clips(folder), encoders, tmp_path / "f.npz", processes=0)
    data = Dataset.load(tmp_path / "f.npz")
    assert data.ids.tolist() == ["both.mp4", "dumb.mp4", "voice.wav"]
    assert data.features["audio"].lengths.tolist() == [1, 0, 1]
    assert data.features["video"].lengths.tolist() == [10, 15, 0]
    assert {name: list(why) for name, why in done.failures.items()} == {
        "broken.mp4": ["audio", "video"],
        "dumb.mp4": ["audio"],
        "voice.wav": ["video"],
    }
    assert data.description["features"]["video"] == VideoEncoder().specification
