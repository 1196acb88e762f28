"""Cards, for readers, notebooks and the Hub."""

import io

import numpy as np
import pytest
from rich.console import Console

from keras_mer import zoo


@pytest.fixture
def folder(tiny, tmp_path):
    return zoo.save_entry(
        tiny({"text": 4, "audio": 3}),
        tmp_path / "tiny_mosi",
        data="mosi",
        protocol="mosi",
        seeds=[1, 2],
        task="regression",
        metrics={"mae": [0.71, 0.73], "acc2": 0.8},
        paper={"title": "A paper", "url": "https://example.org", "metrics": {"mae": 0.7}},
        trained_modalities=["text"],
        features={"text": {"extractor": "x|y"}, "audio": {}},
        licence="Apache-2.0",
        notes="Not for diagnosis.",
    )


def test_the_card_says_what_counts(folder):
    text = str(zoo.card(folder))
    for said in (
        "# tiny_mosi",
        "Trained on text alone.",
        "Not for diagnosis.",
        "| mae | 0.72 ± 0.014 | 0.7 |",
        "| acc2 | 0.8 |  |",
        "Data: mosi; protocol: mosi; seeds: 1, 2.",
        r"| text | 4 | x\|y |",
        'keras_mer.zoo.load("tiny_mosi")',
        "Apache-2.0",
        "[A paper](https://example.org)",
    ):
        assert said in text
    assert not text.startswith("---")


def test_the_test_part_is_told_in_tables(tiny, tmp_path):
    """Whatever a picture shows stands in words too."""
    picture = tmp_path / "confusion.png"
    picture.write_bytes(b"a picture")
    share = {"mean": 0.5, "deviation": 0.1}
    figures = {"precision": share, "recall": share, "f1": share}
    part = {
        "seeds": [1, 2],
        "clips": 7,
        "classes": [
            {"class": "no", **figures, "support": 4},
            {"class": "yes", **figures, "support": 3},
        ],
        "confusion": [[6, 2], [1, 5]],
        "calibration": {
            "error": {"mean": 0.25, "deviation": 0.01},
            "bin_count": 15,
            "bins": [{"confidence": 0.9, "accuracy": 0.6, "share": 1.0}],
        },
    }
    extra = {
        "folds": {"by": "speaker"},
        "test_by_modalities": {"text": None, "audio": {"ua": share, "mae": share}},
        "test_part": part,
    }
    options = {"features": {"text": {"dimension": 4, "sha256": {"vocab": "0" * 64}}, "audio": {}}}
    model, files = tiny({"text": 4, "audio": 3}), {"confusion.png": picture}
    entry = zoo.save_entry(model, tmp_path / "a", extra=extra, files=files, **options)
    text = str(zoo.card(entry))
    for said in (
        "| text | not trained | – |",
        "| audio | 50.0 ± 10.0 | 0.500 ± 0.100 |",
        "each trained and tested on another fold by speaker",
        "| no | 50.0 ± 10.0 | 50.0 ± 10.0 | 50.0 ± 10.0 | 4 |",
        "of all 2 seeds together",
        "| yes | 1 | 5 |",
        "](confusion.png)",
        "error 0.250 ± 0.010",
        "90.0 % sure and 60.0 % right",
        "| 90.0 | 60.0 | 100.0 |",
        "sha256 vocab 00000000…",
    ):
        assert said in text
    assert "calibration.png" not in text
    weights = zoo.metadata(entry)["files"]["model.weights.h5"]["bytes"]
    assert f"Weights of {weights / 1e3:.0f} kB;" in text


def test_it_renders_in_a_terminal_and_in_a_notebook(folder):
    card = zoo.card(folder)
    assert card._repr_markdown_() == str(card)
    assert "0.72 ± 0.014" in repr(card)
    assert "| --- |" not in repr(card)
    console = Console(width=60, file=io.StringIO())
    console.print(card)
    assert "0.72 ± 0.014" in console.file.getvalue()


def test_the_front_matter_is_what_the_hub_reads(folder):
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard((folder / "README.md").read_text(encoding="utf-8")).data
    assert data.license == "apache-2.0"
    assert data.model_name == "tiny_mosi"
    figures = {result.metric_type: result.metric_value for result in data.eval_results}
    assert figures == {"mae": np.mean([0.71, 0.73]), "acc2": 0.8}


def test_an_entry_without_weights_shows_its_recipe(tiny, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "recipe.toml").write_text("")
    text = str(
        zoo.card(zoo.save_entry(tiny({"text": 4, "audio": 3}), tmp_path / "new", weights=False))
    )
    assert "no weights yet" in text
    assert "keras-mer train zoo/new/recipe.toml --data DIR" in text


def test_a_card_does_not_command_the_terminal():
    assert str(zoo.Card("---\na: 1\n---\n# A\x1b]0;title\x07\n\x9b31mred\tx")) == (
        "# A]0;title\n31mred\tx"
    )
