"""The entries without weights: their cards' programs and commands, on files of the same layout."""

import pickle
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import keras_mer.data
from keras_mer import zoo
from keras_mer.cli import app
from keras_mer.data import Dataset
from keras_mer.training import publish_recipe
from keras_mer.zoo.registry import installed

pytestmark = pytest.mark.once

ROWS = {"train": 12, "valid": 6, "test": 6}
NAMES = zoo.list_models(pretrained=False, source=installed())

SMALLER = {
    "epochs = 40": "epochs = 1",
    "epochs = 50": "epochs = 1",
    "epochs = 30": "epochs = 1",
}
SMALL_TRUNK = """[model.arguments]
embed_dim = 6
num_heads = [1, 1, 2, 2]
filters = [8]
hidden_units = [8]
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder to work in, and a home that is searched before the installed entries."""
    for variable in ("KERAS_MER_MIRRORS", "KERAS_MER_DATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("KERAS_MER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mmsa(path, limit, times, widths, aligned=False):
    """A feature file of MMSA: padded arrays, lengths and tokens in each part."""
    generator = np.random.default_rng(0)
    content = {}
    for split, rows in ROWS.items():
        real = {m: generator.integers(2, t + 1, rows) for m, t in times.items()}
        if aligned:
            real = dict.fromkeys(times, real["text"])
        part = {
            "id": [f"{split}{row // 3}$_${row}" for row in range(rows)],
            "raw_text": np.array(["said"] * rows),
            "regression_labels": generator.uniform(-limit, limit, rows).astype("float32"),
            "annotations": ["Neutral"] * rows,
            "classification_labels": np.zeros(rows, "float32"),
        }
        for modality, time in times.items():
            steps = generator.normal(size=(rows, time, widths[modality])).astype("float32")
            steps[np.arange(time) >= real[modality][:, None]] = 0
            part[{"video": "vision"}.get(modality, modality)] = steps
        mask = (np.arange(times["text"]) < real["text"][:, None]).astype("float32")
        part["text_bert"] = np.stack([mask, mask, 0 * mask], axis=1)
        if not aligned:
            for theirs, ours in (("audio", "audio"), ("vision", "video")):
                part[f"{theirs}_lengths"] = real[ours].tolist()
        content[split] = part
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(content, 4))


def mosi(folder, name):
    times = {"text": 50, "audio": 375, "video": 500}
    widths = {"text": 768, "audio": 5, "video": 20}
    mmsa(folder / "MOSI/unaligned_50.pkl", 3, times, widths)


def mosei(folder, name):
    aligned = name.startswith("msrg")
    times = dict.fromkeys(("text", "audio", "video"), 50) | ({} if aligned else {"audio": 500})
    widths = {"text": 768, "audio": 74, "video": 35}
    file = "aligned_50.pkl" if aligned else "unaligned_50.pkl"
    mmsa(folder / "MOSEI" / file, 3, times, widths, aligned)


def sims(folder, name):
    times = {"text": 39, "audio": 400, "video": 55}
    mmsa(folder / "SIMS/unaligned_39.pkl", 1, times, {"text": 768, "audio": 33, "video": 709})


def wavlm_clip(folder, name, monkeypatch):
    """Arrays per clip, and the labels of a small IEMOCAP."""
    generator = np.random.default_rng(0)
    names = [f"Ses0{s}F_impro01_F{u:03}" for s in range(1, 6) for u in range(4)]
    for kind, width, least, most in (("wavlm", 1024, 3, 320), ("clip", 768, 3, 190)):
        (folder / kind).mkdir()
        for row in names:
            steps = generator.normal(size=(generator.integers(least, most), width))
            np.save(folder / kind / f"{row}.npy", steps.astype("float32"))
    labels = Dataset(
        {"audio": np.zeros((len(names), 47))},
        np.tile(np.arange(4), 5),
        ["train"] * len(names),
        ids=names,
        groups=[row.rpartition("_")[0] for row in names],
        description={"name": "IEMOCAP", "label_names": [*"hsna"], "protocol": "iemocap4"},
        columns={"session": [row[:5] for row in names]},
    )
    monkeypatch.setattr(keras_mer.data, "read_iemocap", lambda folder, labels: given)
    given = labels


def deepmsi(folder, name, frames=2):
    """The authors' folder: a pickle of each kind per utterance."""
    generator = np.random.default_rng(0)
    corpus = "MELD" if "meld" in name else "IEMOCAP"
    fields = {
        "video": lambda row: {"images": generator.random((frames, 3, 256, 256), "float32")},
        "text": lambda row: {"text_feature": generator.normal(size=1024), "label": row % 6},
        "audio": lambda row: {"audio_feature": generator.normal(size=768)},
    }
    for number, (split, rows) in enumerate((("train", 4), ("valid", 2), ("test", 2))):
        for kind, made in fields.items():
            (folder / corpus / split / kind).mkdir(parents=True)
            for row in range(rows):
                id = f"dia0_utt{row}" if corpus == "MELD" else f"Ses0{number}F_impro01_F{row:03}"
                path = folder / corpus / split / kind / f"{id}.pkl"
                path.write_bytes(pickle.dumps(made(row), 4))


MAKE = {
    "cmmsf_mosi_mmsa": mosi,
    "cmmsf_mosei": mosei,
    "msrg_mosei": mosei,
    "mcihn_sims": sims,
    "foalnet_iemocap": wavlm_clip,
    "deepmsi_iemocap_full": deepmsi,
    "deepmsi_meld_full": deepmsi,
}


def quick(name, home):
    """The entry with a single epoch and, where there is one, a small trunk."""
    folder = home / "entries" / name
    shutil.copytree(installed() / name, folder)
    text = (folder / "recipe.toml").read_text()
    for long, short in SMALLER.items():
        text = text.replace(long, short)
    if name.startswith("deepmsi"):
        text = text.replace("[model.arguments]\n", SMALL_TRUNK)
    (folder / "recipe.toml").write_text(text)
    publish_recipe(folder)


def test_every_entry_without_weights_is_tried():
    assert set(NAMES) == set(MAKE)


@pytest.mark.parametrize("name", NAMES)
def test_the_command_of_the_card_trains_it(name, place, monkeypatch):
    make = MAKE[name]
    make(place, name, monkeypatch) if make is wavlm_clip else make(place, name)
    quick(name, place / "home")
    card = str(zoo.card(name))
    for program in re.findall(r"```python\n(.*?)```", card, re.DOTALL):
        exec(compile(program, name, "exec"), {})
    command = zoo.metadata(name)["needs"]["command"]
    assert f"```sh\n{command}\n```" in card
    arguments = shlex.split(command.replace("--seeds 5", "--seeds 1"))
    done = CliRunner().invoke(app, [*arguments[1:], "--debug"])
    assert done.exit_code == 0, done.output
    model = zoo.load(f"./{name}")
    assert model.config["features"] == zoo.load(name, weights=False).config["features"]
    trained = zoo.metadata(f"./{name}")
    assert trained["seeds"] == [1]
    assert {"recipe.toml", "model.weights.h5"} <= set(trained["files"])


@pytest.mark.parametrize("name", NAMES)
def test_what_loading_it_says(name):
    needs = zoo.metadata(name, source=installed())["needs"]
    with pytest.raises(FileNotFoundError) as raised:
        zoo.load(name, source=installed())
    for said in (*needs.values(), "weights=False"):
        assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    zoo.verify(name, source=installed())


@pytest.mark.parametrize("name", NAMES)
def test_without_weights_it_is_the_model_of_its_recipe(name):
    model = zoo.load(name, weights=False, source=installed())
    described = zoo.metadata(name, source=installed())
    assert model.count_params() == described["parameters"]
    assert model.config["features"] == {
        modality: given.get("shape", given["dimension"])
        for modality, given in described["features"].items()
    }


class TestPublishRecipe:
    @pytest.fixture
    def folder(self, place):
        shutil.copytree(installed() / "mcihn_sims", place / "a")
        return place / "a"

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ('source = "', 'sources = "', "needs should give as texts what .* gives what, sources"),
            ("dimension = 768", "width = 768", "features with a dimension for each modality"),
            ("[needs]", "[needs", "is not valid TOML"),
        ],
    )
    def test_a_malformed_description_is_named(self, folder, old, new, said):
        data = folder / "data.toml"
        data.write_text(data.read_text().replace(old, new, 1))
        before = (folder / "metadata.json").read_bytes()
        with pytest.raises(ValueError, match=f"data.toml.*{said}"):
            publish_recipe(folder)
        assert (folder / "metadata.json").read_bytes() == before

    def test_a_missing_file_is_named(self, folder):
        (folder / "data.toml").unlink()
        with pytest.raises(FileNotFoundError, match=r"data\.toml"):
            publish_recipe(folder)


def test_the_command_takes_a_file_or_an_entry(place):
    done = CliRunner().invoke(app, ["train", "absent.toml", "--data", "x"])
    assert done.stderr.startswith("keras-mer: absent.toml: No such file")
    done = CliRunner().invoke(app, ["train", "cmmsf_mosie", "--data", "x"])
    assert "the nearest: " in done.stderr
    done = CliRunner().invoke(app, ["train", "cmmsf_mosei", "--data", str(Path("x"))])
    assert done.stderr == "keras-mer: there is no file or folder x\n"
