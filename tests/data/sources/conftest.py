import hashlib
import importlib
import json
import shutil
import tempfile
from pathlib import Path

import pytest
from mirror import Mirror

from keras_mer import _download

COMMIT = "0123456789abcdef" * 2 + "01234567"
REPOSITORY = f"org/repo/{COMMIT}"


@pytest.fixture
def place():
    """A folder that other users of this machine may look into."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)  # a stopped download may still write


@pytest.fixture
def home(place, monkeypatch):
    """A cache of the test's own."""
    for variable in ("KERAS_MER_OFFLINE", "KERAS_MER_MIRRORS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("KERAS_MER_HOME", str(place / "home"))
    return place / "home"


@pytest.fixture
def server(place, monkeypatch):
    """A server that is both hosts of the public repositories, `one/` and `two/`."""
    (place / "served").mkdir()
    monkeypatch.setattr(_download, "PAUSE", 0)
    monkeypatch.setattr(_download, "TIMEOUT", 0.4)
    with Mirror(place / "served") as server:
        server.one = f"{server.address}/one"
        server.two = f"{server.address}/two".replace("127.0.0.1", "localhost")
        hosts = tuple(
            (f"{host}/{{repository}}/{{commit}}", float("inf")) for host in (server.one, server.two)
        )
        monkeypatch.setattr(importlib.import_module(SOURCE), "HOSTS", hosts)
        yield server


SOURCE = "keras_mer.data.sources.source"


@pytest.fixture
def public(place, home, server, monkeypatch):
    """Makes the data set `tiny` of files that are given as bytes, at both hosts."""

    def make(files, apply=""):
        for host in ("one", "two"):
            for path, content in files.items():
                served = server.folder / host / REPOSITORY / path
                served.parent.mkdir(parents=True, exist_ok=True)
                served.write_bytes(content)
        place.joinpath("tiny.sums").write_text(
            "".join(
                f"{hashlib.sha256(content).hexdigest()} {len(content)} {path}\n"
                for path, content in files.items()
            )
        )
        fields = {
            "title": "Tiny",
            "holds": "bytes",
            "terms": "For tests.",
            "homepage": "https://tiny.example",
            "reads": ["."],
            **({"apply": apply} if apply else {}),
        }
        origin = {
            "repository": "org/repo",
            "commit": COMMIT,
            "licence": "none",
            "sums": "tiny.sums",
        }
        lines = ["[tiny]", *(f"{key} = {json.dumps(value)}" for key, value in fields.items())]
        lines += [
            "[[tiny.origins]]",
            *(f"{key} = {json.dumps(value)}" for key, value in origin.items()),
        ]
        registry = place / "registry.toml"
        registry.write_text("\n".join(lines))
        module = importlib.import_module(SOURCE)
        module.registry.cache_clear()
        monkeypatch.setattr(module, "REGISTRY", registry)
        return files

    return make
