"""What users of any keras-hub encoder rely on: its own numbers, whatever the batch."""

import numpy as np
import pytest

from keras_mer.data import Dataset
from keras_mer.features import PresetTextEncoder, TextEncoder
from keras_mer.features._encoders import encoder_of
from keras_mer.training import Recipe
from keras_mer.training.suit import read_data

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] i loved it was far too long".split()


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A folder with a BERT so small that it need not be downloaded."""
    models = pytest.importorskip("keras_hub.models", reason="keras-hub is not installed")
    folder = tmp_path_factory.mktemp("tiny_bert")
    backbone = models.BertBackbone(
        vocabulary_size=len(WORDS),
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=32,
    )
    tokenizer = models.BertTokenizer(vocabulary=WORDS, lowercase=True)
    backbone.save_to_preset(str(folder))
    models.BertTextClassifierPreprocessor(tokenizer, 32).save_to_preset(str(folder))
    return str(folder)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_MER_HOME", str(tmp_path))


def test_the_vectors_are_those_of_keras_hub(preset):
    from keras_hub import models

    backbone = models.Backbone.from_preset(preset)
    packer = models.TextClassifierPreprocessor.from_preset(preset, sequence_length=8)
    encoder = PresetTextEncoder(preset, cache=False)
    rows = encoder.encode(["I loved it", None, "it was far too long"])
    assert rows.lengths.tolist() == [5, 0, 7]
    inputs = {name: np.asarray(x) for name, x in packer(["I loved it"]).items()}
    plain = backbone.predict(inputs, verbose=0)["sequence_output"]
    np.testing.assert_allclose(rows[0], plain[0, :5], atol=1e-5)


def test_company_and_the_cache_change_nothing(preset):
    texts = ["it", "i loved it", "it was far too long", "too long"]
    together = PresetTextEncoder(preset, batch_size=3).encode(texts)
    cached = PresetTextEncoder(preset).encode(texts[::-1])
    for row, text in enumerate(texts):
        alone = PresetTextEncoder(preset, cache=False).encode([text])[0]
        np.testing.assert_allclose(together[row], alone, atol=1e-5)
        np.testing.assert_array_equal(cached[len(texts) - 1 - row], together[row])


def test_a_long_text_loses_its_end_and_is_counted(preset):
    encoder = PresetTextEncoder(preset, max_length=4)
    assert encoder.encode(["it was far too long", "it"]).lengths.tolist() == [4, 3]
    assert encoder.truncated == 1


def test_a_specification_makes_its_encoder_again(preset):
    wanted = PresetTextEncoder(preset, max_length=16).specification
    assert wanted["dimension"] == 8
    again = encoder_of("text", wanted)
    assert again.specification == wanted
    assert isinstance(encoder_of("text", {}), TextEncoder)
    with pytest.raises(ValueError, match="adapters change all-MiniLM-L6-v2 alone"):
        encoder_of("text", wanted, adapters="some")
    with pytest.raises(ValueError, match="'openSMILE' are none of keras-hub's presets"):
        PresetTextEncoder.from_specification({"extractor": "openSMILE"})


def test_a_specification_is_read_without_loading_what_it_names():
    wanted = {"extractor": "keras-hub nowhere", "dimension": 8, "max_tokens": 16}
    encoder = encoder_of("text", wanted)
    assert encoder.specification == {"modality": "text", **wanted}


def test_a_recipe_names_a_preset(preset):
    texts, parts = ["it was", "loved", "it"], ["train", "valid", "test"]
    data = Dataset({}, [0.0, 1.0, 0.5], parts, transcripts=texts)
    recipe = Recipe.from_dict(
        {
            "name": "any",
            "data": {"text_encoder": {"extractor": f"keras-hub {preset}"}},
            "model": {"class": "CMMSF"},
            "evaluation": {"protocol": "mosi"},
        }
    )
    read = read_data(recipe, data)
    assert read.features["text"].lengths.tolist() == [4, 3, 3]
    assert read.description["features"]["text"]["extractor"] == f"keras-hub {preset}"


def test_what_is_no_preset_is_refused(tmp_path):
    pytest.importorskip("keras_hub", reason="keras-hub is not installed")
    with pytest.raises(ValueError, match=r"no encoder of texts .*expected the name of a preset"):
        PresetTextEncoder(str(tmp_path / "nothing")).encode(["a"])
    with pytest.raises(ValueError, match="received 2 and 32"):
        PresetTextEncoder("any", max_length=2)
