"""A card written anew."""

import shutil

import pytest

from keras_mer import zoo

ABOUT = """licence = "Apache-2.0 as far as it is ours; the data's terms remain"
[paper]
title = "A paper"
metrics = { mae = 0.6 }
why = "They train on more."
[speed]
about = "One thread of a CPU."
[speed.ratios]
"training step, batch 32" = { torch = 1.2, jax = 0.9 }
"prediction" = { torch = 1.0 }
"""


@pytest.fixture
def folder(tiny, tmp_path):
    (tmp_path / "tiny_mosi").mkdir()
    (tmp_path / "tiny_mosi" / "notes.md").write_text("For films alone.")
    return zoo.save_entry(
        tiny({"text": 4, "audio": 3}), tmp_path / "tiny_mosi", metrics={"mae": [0.71, 0.73]}
    )


def test_notes_and_what_about_toml_says_are_put_on_the_card(folder):
    weights = zoo.metadata(folder)["files"]["model.weights.h5"]
    assert "For films alone." not in str(zoo.card(folder))
    (folder / "about.toml").write_text(ABOUT)
    assert zoo.refresh_card(folder) == folder
    text = str(zoo.card(folder))
    for said in ("For films alone.", "| mae | 0.72 ± 0.014 | 0.6 |", "They train on more."):
        assert said in text
    assert "as far as it is ours" in text
    assert "below 1 is faster. One thread of a CPU." in text
    assert "| training step, batch 32 | 1.20 | 0.90 |\n| prediction | 1.00 | – |" in text
    assert 'license: "other"' in (folder / "README.md").read_text(encoding="utf-8")
    zoo.verify(folder)
    metadata = zoo.metadata(folder)
    assert metadata["files"]["model.weights.h5"] == weights
    assert {"notes.md", "about.toml"} <= set(metadata["files"])
    before = (folder / "metadata.json").read_bytes()
    zoo.refresh_card(folder)
    assert (folder / "metadata.json").read_bytes() == before


def test_fields_and_files_are_added(folder, tmp_path):
    (tmp_path / "loss.png").write_bytes(b"a picture")
    zoo.refresh_card(folder, {"data": "mosi"}, {"loss.png": tmp_path / "loss.png"})
    metadata = zoo.metadata(folder)
    assert metadata["data"] == "mosi"
    assert metadata["files"]["loss.png"]["bytes"] == len(b"a picture")
    zoo.verify(folder)
    with pytest.raises(ValueError, match=r"writes config.json itself"):
        zoo.refresh_card(folder, files={"config.json": tmp_path / "loss.png"})


def test_a_damaged_model_gets_no_new_hash(folder):
    before = (folder / "metadata.json").read_bytes()
    whole = (folder / "model.weights.h5").read_bytes()
    (folder / "model.weights.h5").write_bytes(whole[:-1])
    with pytest.raises(
        ValueError, match=r"model.weights.h5 is not the file that metadata.json names"
    ):
        zoo.refresh_card(folder)
    (folder / "model.weights.h5").unlink()
    with pytest.raises(FileNotFoundError, match="is missing: restore it"):
        zoo.refresh_card(folder)
    assert (folder / "metadata.json").read_bytes() == before


def test_weights_that_an_entry_does_not_name_do_not_become_part_of_it(folder, tiny, tmp_path):
    bare = zoo.save_entry(tiny({"text": 4, "audio": 3}), tmp_path / "bare", weights=False)
    shutil.copy(folder / "model.weights.h5", bare)
    zoo.refresh_card(bare)
    assert "model.weights.h5" not in zoo.metadata(bare)["files"]


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ("license = 1", r"may have licence, paper, speed; received license"),
        ("[paper]\nfigures = 1", r"\[paper\] of .* received figures"),
        ('paper = "A paper"', r"received 'A paper'"),
        ("[speed]\nratio = 1", r"\[speed\] of .* may have about, ratios; received ratio"),
        ("[", "is not valid TOML"),
    ],
)
def test_an_about_toml_says_what_is_wrong_with_it(folder, about, message):
    (folder / "about.toml").write_text(about)
    with pytest.raises(ValueError, match=message):
        zoo.refresh_card(folder)
    zoo.load(folder)


def test_a_folder_without_an_entry(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no entry"):
        zoo.refresh_card(tmp_path)
