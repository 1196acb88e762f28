"""What users with a corpus rely on: every clip its own row, broken ones named, nothing lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from media import squares, tone, write_clip, write_sound
from tiny_predictor import CharacterEncoder
from typer.testing import CliRunner

from keras_mer import zoo
from keras_mer.cli import app
from keras_mer.data import Dataset, Preprocessor, find_clips, read, read_clips, read_emodb
from keras_mer.features import AudioEncoder, VideoEncoder, extract

pytestmark = pytest.mark.once
ENCODERS = {"audio": AudioEncoder()}


class Fragile(AudioEncoder):
    """Dies, as a decoder may, at the clip that says so; counts what it is given."""

    def encode(self, sounds):
        for sound in sounds:
            if "killer" in str(sound):
                os.kill(os.getpid(), signal.SIGKILL)
            with open(Path(sound).parent / "encoded.txt", "a") as file:
                file.write(f"{Path(sound).name}\n")
        return super().encode(sounds)


@pytest.fixture
def corpus(tmp_path):
    """Six tones of which each is known by its pitch, with a table."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    lines = ["clip,label,split,group"]
    for place in range(6):
        write_sound(folder / f"c{place}.wav", tone(100 + 40 * place, 0.4))
        lines.append(f"c{place}.wav,{place / 2},{'train' if place < 4 else 'test'},g{place}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def pitches(dataset):
    rows = dataset.features["audio"].values
    return 27.5 * 2 ** (rows[:, AudioEncoder().columns.index("pitch.p50")] / 12)


def spoil(folder):
    (folder / "c1.wav").write_bytes(b"")
    (folder / "c4.wav").write_bytes(b"RIFF, but not really")


def test_every_clip_gets_its_own_row_and_keeps_what_is_known_of_it(corpus, tmp_path):
    out = tmp_path / "features.npz"
    calls = []
    done = extract(
        read_clips(corpus), ENCODERS, out, processes=0, progress=lambda *n: calls.append(n)
    )
    data = read(out)
    assert done.failures == {}
    assert calls == [(n, 6) for n in range(1, 7)]
    np.testing.assert_allclose(pitches(data), 100 + 40 * np.arange(6), rtol=0.01)
    assert data.labels.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    assert data.counts == {"train": 4, "valid": 0, "test": 2}
    assert data.groups.tolist() == [f"g{n}" for n in range(6)]
    assert data.description["features"]["audio"] == AudioEncoder().specification
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["features.npz"]


def test_several_processes_give_the_same(corpus, tmp_path):
    write_sound(corpus / "killer.wav", tone(120))
    encoders = {"audio": Fragile()}
    found = find_clips(corpus)
    done = extract(found, encoders, tmp_path / "many.npz", processes=2)
    # A clip that kills its process is named, and costs no other clip.
    assert list(done.failures) == ["killer.wav"]
    assert "crashes its decoder" in done.failures["killer.wav"]["audio"]
    assert done.dataset.ids.tolist() == [f"c{n}.wav" for n in range(6)]
    here = extract(read_clips(corpus), ENCODERS, tmp_path / "one.npz", processes=0)
    np.testing.assert_allclose(
        done.dataset.features["audio"].values, here.dataset.features["audio"].values, rtol=1e-5
    )


def test_broken_clips_are_left_out_and_named(corpus, tmp_path):
    spoil(corpus)
    done = extract(read_clips(corpus), ENCODERS, tmp_path / "f.npz", processes=0)
    assert set(done.failures) == {"c1.wav", "c4.wav"}
    assert "is an empty file" in done.failures["c1.wav"]["audio"]
    saved = Dataset.load(tmp_path / "f.npz")
    assert saved.description["failures"] == done.failures
    assert saved.labels.tolist() == [0, 1, 1.5, 2.5]
    np.testing.assert_allclose(pitches(saved), [100, 180, 220, 300], rtol=0.01)


def test_a_repaired_clip_is_all_that_is_done_again(corpus, tmp_path):
    spoil(corpus)
    encoders = {"audio": Fragile()}
    extract(read_clips(corpus), encoders, tmp_path / "f.npz", processes=0)
    (corpus / "encoded.txt").unlink()
    write_sound(corpus / "c1.wav", tone(140, 0.4))
    write_sound(corpus / "c2.wav", tone(333, 0.5))  # and one that was changed
    done = extract(read_clips(corpus), encoders, tmp_path / "f.npz", processes=0)
    assert (corpus / "encoded.txt").read_text().split() == ["c1.wav", "c2.wav", "c4.wav"]
    assert done.computed == 3
    assert list(done.failures) == ["c4.wav"]
    np.testing.assert_allclose(pitches(done.dataset), [100, 140, 333, 220, 300], rtol=0.01)


def test_other_features_are_not_taken_for_these(corpus, tmp_path):
    spoil(corpus)  # so that what was done is kept
    extract(read_clips(corpus), ENCODERS, tmp_path / "f.npz", processes=0)
    other = {"audio": AudioEncoder(highest=350.0)}
    assert extract(read_clips(corpus), other, tmp_path / "f.npz", processes=0).computed == 6


def test_a_model_does_not_take_features_with_other_settings(corpus, tmp_path):
    data = extract(read_clips(corpus), ENCODERS, tmp_path / "f.npz", processes=0).dataset
    preprocessor = Preprocessor.fit(data)
    assert preprocessor.apply(data).features["audio"].dim == 267
    other = {"audio": AudioEncoder(mels=40)}
    data = extract(read_clips(corpus), other, tmp_path / "g.npz", processes=0).dataset
    with pytest.raises(ValueError, match="audio was extracted with mels 40; expected 64, which"):
        preprocessor.apply(data)


def test_no_clip_at_all(corpus, tmp_path):
    for path in corpus.glob("*.wav"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"none of 6 clips has features; c0\.wav: .* empty file"):
        extract(read_clips(corpus), ENCODERS, tmp_path / "f.npz", processes=0)
    assert not (tmp_path / "f.npz").exists()


def test_odd_arguments(corpus, tmp_path):
    with pytest.raises(ValueError, match=r"saved as a \.npz file, or as a folder"):
        extract(read_clips(corpus), ENCODERS, tmp_path / "f.h5")
    with pytest.raises(ValueError, match="at least one encoder"):
        extract(read_clips(corpus), {}, tmp_path / "f.npz")
    plain = Dataset({"audio": np.ones((2, 3))}, [0.0, 1.0], ["train"] * 2)
    with pytest.raises(ValueError, match="received audio and the columns none"):
        extract(plain, ENCODERS, tmp_path / "f.npz")


SLOW = """
import sys, time
from keras_mer.data import find_clips
from keras_mer.features import AudioEncoder, extract
class Slow(AudioEncoder):
    def encode(self, sounds):
        time.sleep(0.2)
        return super().encode(sounds)
if __name__ == "__main__":
    extract(find_clips(sys.argv[1]), {"audio": Slow()}, sys.argv[2], processes=int(sys.argv[3]))
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for place in range(30):
        write_sound(folder / f"c{place:02}.wav", tone(100 + 10 * place, 0.3))
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    out = tmp_path / "f.npz"
    environment = os.environ | {"KERAS_BACKEND": "numpy", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.Popen(
        [sys.executable, str(script), str(folder), str(out), "1"],
        env=environment,
        start_new_session=True,
    )
    partial = tmp_path / "f.npz.audio.partial"
    until = time.monotonic() + 60
    while not partial.exists() and run.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    run.kill()  # the parent alone; what worked for it must end by itself
    run.wait()
    assert not out.exists()
    while _alive(run.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _alive(run.pid)
    done = extract(find_clips(folder), {"audio": AudioEncoder()}, out, processes=0)
    assert 0 < done.computed < 30
    np.testing.assert_allclose(pitches(done.dataset), 100 + 10 * np.arange(30), rtol=0.01)
    assert not partial.exists()


def _alive(group):
    """Whether any process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def cli(*arguments):
    return CliRunner().invoke(app, ["extract", *map(str, arguments), "--processes", "0"])


def test_the_command(corpus, tmp_path):
    out = tmp_path / "f.npz"
    result = cli(corpus, "--out", out)
    assert result.exit_code == 0, result.output
    assert "6 of 6 clips, 6 new" in result.output
    assert Dataset.load(out).counts["test"] == 2
    spoil(corpus)
    result = cli(corpus / "labels.csv", "--out", out, "--audio", "log-mel")
    assert result.exit_code == 1
    assert "c1.wav: no audio:" in result.stderr
    assert "is an empty file" in result.stderr
    assert "2 of 6 clips left out, 0 lack a modality" in result.stderr
    assert Dataset.load(out).features["audio"].lengths.tolist() == [40] * 4


def test_the_command_on_a_folder_without_labels(corpus, tmp_path):
    write_clip(corpus / "dumb.mp4", frames=squares(5))
    (corpus / "labels.csv").write_text("name,what\na,b\n")
    result = cli(corpus, "--out", tmp_path / "f.npz")
    assert result.exit_code == 1
    assert "has a CSV, but not one with the columns clip and label" in result.stderr
    result = cli(corpus, "--out", tmp_path / "f.npz", "--unlabelled")
    assert result.exit_code == 1
    assert "dumb.mp4: no audio:" in result.stderr
    data = Dataset.load(tmp_path / "f.npz")
    assert data.labels.shape == (6, 0)
    assert data.counts["test"] == 6
    assert cli(tmp_path / "nowhere", "--out", tmp_path / "f.npz").exit_code == 1


def test_the_features_that_an_entry_asks_for(corpus, tmp_path, monkeypatch):
    asked = AudioEncoder("log-mel", mels=20).specification
    said = {"trained_modalities": ["text", "audio"], "features": {"text": {}, "audio": asked}}
    monkeypatch.setattr(zoo, "metadata", lambda name: said)
    out = tmp_path / "f.npz"
    assert cli(corpus, "--out", out, "--entry", "mine").exit_code == 0
    assert Dataset.load(out).description["features"]["audio"] == asked
    said["features"]["audio"] = {"extractor": "openSMILE"}
    result = cli(corpus, "--out", out, "--entry", "mine")
    assert result.exit_code == 1
    assert "mine reads audio features by openSMILE, which keras-mer does not" in result.stderr
    said["trained_modalities"] = ["text"]
    assert "the clips have no transcripts" in cli(corpus, "--out", out, "--entry", "mine").stderr


def test_transcripts_are_encoded_beside_the_clips(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_mer.features.TextEncoder", CharacterEncoder)
    out = tmp_path / "f.npz"
    wanted = ["--modality", "text", "--modality", "audio"]
    assert "need" in (missing := cli(corpus, "--out", out, *wanted)).stderr
    assert missing.exit_code == 1
    rows = (corpus / "labels.csv").read_text().splitlines()
    lines = [f"{rows[0]},transcript", *(f"{row},{'ab' * n}" for n, row in enumerate(rows[1:], 1))]
    (corpus / "labels.csv").write_text("\n".join(lines))
    spoil(corpus)
    result = cli(corpus, "--out", out, *wanted)
    assert result.exit_code == 1
    assert "0 of 6 clips left out, 2 lack a modality" in result.stderr
    assert Dataset.load(out).features["text"].lengths.tolist() == [2, 4, 6, 8, 10, 12]
    assert cli(corpus, "--out", out, "--modality", "text").exit_code == 0
    assert Dataset.load(out).modalities == ["text"]


def test_features_go_to_a_folder_without_ever_being_in_memory_together(corpus, tmp_path):
    spoil(corpus)
    clips = read_clips(corpus)
    encoders = {"audio": AudioEncoder("log-mel"), "video": VideoEncoder()}
    whole = extract(clips, encoders, tmp_path / "f.npz", processes=0).dataset
    done = extract(clips, encoders, tmp_path / "folder", processes=0)
    assert done.dataset.features["audio"].mapped
    assert done.dataset.ids.tolist() == whole.ids.tolist()
    assert done.dataset.description == whole.description
    for name, rows in whole.features.items():
        np.testing.assert_array_equal(done.dataset.features[name].values, rows.values)
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith(".")}
    assert not left
    assert read(tmp_path / "folder").counts == whole.counts


def test_a_corpus_of_recordings_known_by_their_names(real_data, tmp_path):
    whole = read_emodb(real_data / "emodb")
    some = whole.subset(np.arange(0, 535, 50))
    data = extract(some, ENCODERS, tmp_path / "f.npz", processes=0).dataset
    assert data.columns["speaker"].tolist() == some.columns["speaker"].tolist()
    voiced = data.features["audio"].values[:, AudioEncoder().columns.index("voiced_share")]
    assert voiced.min() > 0.1
    men = data.columns["sex"] == "male"
    assert pitches(data)[men].mean() < 0.8 * pitches(data)[~men].mean()


def test_the_sound_of_real_clips(real_data, tmp_path):
    done = extract(find_clips(real_data / "clips"), ENCODERS, tmp_path / "f.npz", processes=0)
    assert len(done.dataset) == 4
    level = AudioEncoder().columns.index("level.mean")
    levels = dict(
        zip(
            [Path(name).stem for name in done.dataset.ids],
            done.dataset.features["audio"].values[:, level].tolist(),
            strict=True,
        )
    )
    assert levels["WolfgangLanger_Pexels"] == pytest.approx(-100)
    assert levels["no_face"] == pytest.approx(levels["face_noface"], abs=0.5)
    assert levels["single_face"] < levels["no_face"] - 20
