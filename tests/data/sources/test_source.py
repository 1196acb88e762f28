"""The registry holds what was checked, and what it fetches is what the readers take."""

import json
import re
from pathlib import PurePosixPath

import pytest

from keras_mer.data import read, sources

pytestmark = pytest.mark.once

NINE = {"mosi", "mosi_word_dev", "mmmo", "iemocap", "meld", "ravdess", "emodb", "labels", "clips"}


def all_sources():
    return [sources.source(name) for name in sources.list_sources()]


def test_nine_sets_are_known():
    assert set(sources.list_sources()) == NINE


def test_restricted_corpora_say_where_to_apply():
    restricted = {each.name: each.apply for each in all_sources() if each.restricted}
    assert set(restricted) == {"iemocap", "meld", "ravdess"}
    assert all(address.startswith("https://") for address in restricted.values())


@pytest.mark.parametrize("name", sorted(NINE))
def test_records_are_well_formed(name):
    files = sources.source(name).files
    paths = [file.path for file in files]
    assert len({path.lower() for path in paths}) == len(paths)
    for file in files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert re.fullmatch(r"[0-9a-f]{40}", file.origin.commit)
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", file.origin.repository)
        assert re.fullmatch(r"[\w./-]+", file.path)
        assert not {"", ".", ".."} & set(PurePosixPath(file.path).parts)
        assert file.bytes > 0


def test_each_file_has_two_mirrors_below_jsdelivrs_limit():
    origin = sources.source("emodb").origins[0]
    raw = f"https://raw.githubusercontent.com/sylaschacko/voice-emotion-analysis/{origin.commit}"
    cdn = f"https://cdn.jsdelivr.net/gh/sylaschacko/voice-emotion-analysis@{origin.commit}"
    assert origin.mirrors(88244) == [raw, cdn]
    assert origin.mirrors(20_000_000) == [raw]


def test_the_registry_is_what_was_checked(real_data):
    manifest = json.loads((real_data / "manifest.json").read_text())
    checked = {
        (e["path"], e["source_repo"], e["source_commit"], e["bytes"], e["sha256"])
        for e in manifest
        if e["source_repo"]
    }
    registered = {
        (
            f"{each.name}/raw/{file.path}",
            file.origin.repository,
            file.origin.commit,
            file.bytes,
            file.sha256,
        )
        for each in all_sources()
        for file in each.files
    }
    assert registered == checked
    assert len(checked) == 893


@pytest.fixture
def served(real_data, server, home):
    """The public files as their repositories serve them."""

    def serve(name):
        for origin in sources.source(name).origins:
            folder = server.folder / "one" / origin.repository
            folder.mkdir(parents=True, exist_ok=True)
            (folder / origin.commit).symlink_to(real_data / name / "raw")

    return serve


@pytest.mark.parametrize("name", sorted(NINE))
def test_what_is_fetched_is_the_original(served, real_data, name):
    served(name)
    root = sources.fetch(name, accept_terms=True)
    fetched = {path for path in root.rglob("*") if path.is_file()}
    assert fetched == {root / file.path for file in sources.source(name).files}
    original = real_data / name / "raw"
    assert all(
        path.read_bytes() == (original / path.relative_to(root)).read_bytes() for path in fetched
    )
    assert all((root / path).exists() for path in sources.source(name).reads)


def test_fetched_mosi_is_read(served):
    served("mosi")
    dataset = read(sources.fetch("mosi"))
    assert dataset.counts == {"train": 1284, "valid": 229, "test": 686}


@pytest.mark.parametrize("name", sorted(NINE - {"clips"}))
def test_every_set_is_read_as_its_record_says(served, name):
    served(name)
    root = sources.fetch(name, accept_terms=True)
    paths = [root / path for path in sources.source(name).reads]
    assert paths
    for path in paths:
        assert len(read(path, allow_leaks=True).labels)
