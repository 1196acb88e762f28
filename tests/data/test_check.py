"""What a user of `keras-mer data` relies on."""

import os
import pickle
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from keras_mer.cli import app
from keras_mer.data import Dataset, check, generate

pytestmark = pytest.mark.once


class Runs:
    """Its pickle makes a folder."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


@pytest.fixture
def folder(tmp_path):
    """A data set, own clips, plain data and two files that must not be opened."""
    generate("meld", rows=20).save(tmp_path / "generated.npz")
    np.savez(tmp_path / "arrays.npz", x=np.ones(3))
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps([1.0]))
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "a.wav").touch()
    (clips / "labels.csv").write_text("clip,label,split,group\na.wav,1,train,x\n")
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(Runs(tmp_path / "ran")))
    objects = np.array([Runs(tmp_path / "ran")], dtype=object)
    np.savez(tmp_path / "bad.npz", labels=objects)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["data", *map(str, arguments)], env={"COLUMNS": "200"})


def test_every_file_is_judged_and_none_is_run(folder):
    found = {finding.path.name: finding for finding in check(folder)}
    verdicts = {name: (finding.verdict, finding.format) for name, finding in found.items()}
    assert verdicts == {
        "clips": ("read", "clips"),
        "arrays.npz": ("safe", ""),
        "bad.npz": ("refused", ""),
        "bad.pkl": ("refused", ""),
        "generated.npz": ("read", "npz"),
        "plain.pkl": ("safe", ""),
    }
    assert "mkdir" in found["bad.pkl"].message
    assert "mkdir" in found["bad.npz"].message
    assert "generated, like meld: train" in found["generated.npz"].message
    assert not (folder / "ran").exists()


def test_check_says_so_by_its_exit_status(folder):
    result = run("check", folder)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "2 read, 0 leaks, 2 safe, 2 refused"
    for name in ("bad.pkl", "bad.npz"):
        (folder / name).unlink()
    assert run("check", folder).exit_code == 0
    assert run("check", folder / "plain.pkl").exit_code == 0
    (folder / "empty").mkdir()
    assert "holds no data of a known format" in run("check", folder / "empty").stderr
    assert "there is no file or folder" in run("check", folder / "absent").stderr


def test_splits_that_leak_are_told_apart(folder):
    table = folder / "clips/labels.csv"
    (folder / "clips/b.wav").touch()
    table.write_text(table.read_text() + "b.wav,2,test,x\n")
    (finding,) = check(folder / "clips")
    assert (finding.verdict, finding.format) == ("leaks", "clips")
    assert "allow_leaks=True" in finding.message


def test_convert_writes_a_plain_file(folder):
    out = folder / "new/clips.npz"
    result = run("convert", folder / "clips", "--out", out, "--option", "task=classification")
    assert result.exit_code == 0, result.output
    assert f"wrote {out}" in result.stdout
    with np.load(out, allow_pickle=False) as file:
        assert "labels" in file.files
    assert Dataset.load(out).description["label_names"] == ["1"]


def test_convert_writes_a_folder_that_convert_reads(ten_rows, tmp_path):
    ten_rows.save(tmp_path / "ten.npz")
    assert run("convert", tmp_path / "ten.npz", "--out", tmp_path / "ten").exit_code == 0
    assert Dataset.load(tmp_path / "ten").mapped
    assert run("convert", tmp_path / "ten", "--out", tmp_path / "again.npz").exit_code == 0
    again = Dataset.load(tmp_path / "again.npz")
    np.testing.assert_array_equal(again.features["text"].values, ten_rows.features["text"].values)
    assert "saved as a .npz" in run("convert", tmp_path / "ten", "--out", tmp_path / "a.h5").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clips", "--option", "task"], "an option is name=value; received 'task'"),
        (["clips", "--option", "split=1"], "clips has no option split"),
        (["clips", "--format", "mmsa"], "clips: Is a directory"),
        (["bad.pkl"], "wants .*mkdir, which is no array"),
        (["absent.pkl"], "there is no file or folder"),
    ],
)
def test_what_cannot_be_converted_is_one_line(folder, arguments, message):
    name, *rest = arguments
    result = run("convert", folder / name, "--out", folder / "out.npz", *rest)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert not (folder / "out.npz").exists()
    assert re.search(message, result.stderr)


def test_leaks_are_kept_only_if_the_user_insists(folder):
    table = folder / "clips/labels.csv"
    (folder / "clips/b.wav").touch()
    table.write_text(table.read_text() + "b.wav,2,test,x\n")
    out = folder / "out.npz"
    assert "lie in more than one split" in run("convert", folder / "clips", "--out", out).stderr
    assert run("convert", folder / "clips", "--out", out, "--allow-leaks").exit_code == 0
    assert len(Dataset.load(out, allow_leaks=True)) == 2


def test_the_public_data(real_data):
    verdicts = {}
    for finding in check(real_data):
        verdicts.setdefault(finding.verdict, set()).add(finding.format)
    assert verdicts["read"] == {
        *("mosi", "iemocap", "meld", "emorynlp", "mmmo", "misa", "conv-emotion"),
        *("labels", "emodb", "ravdess"),
    }
    assert verdicts["leaks"] == {"labels"}
    assert "refused" not in verdicts
