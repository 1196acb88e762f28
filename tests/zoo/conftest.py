import hashlib
import importlib
import json
import threading
import time
from collections import defaultdict
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A cache of the test's own, no mirrors, and no entries but those of the test."""
    from keras_mer.zoo import registry, resolve

    for variable in ("KERAS_MER_MIRRORS", "KERAS_MER_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("KERAS_MER_HOME", str(tmp_path / "home"))
    for module in (registry, resolve):
        monkeypatch.setattr(module, "installed", lambda: None)
    return tmp_path / "home"


@pytest.fixture
def tiny(monkeypatch):
    """A model that keras_mer.models exports, with a trunk and a head."""
    import keras

    @keras.saving.register_keras_serializable(package="keras_mer")
    class Tiny(keras.Model):
        def __init__(self, features, units=3, outputs=1, **kwargs):
            inputs, means = {}, []
            for name, dim in features.items():
                inputs[name] = keras.Input((None, dim), name=name)
                means.append(keras.layers.GlobalAveragePooling1D()(inputs[name]))
            trunk = keras.layers.Dense(units, name="trunk")(keras.layers.Concatenate()(means))
            super().__init__(
                inputs, keras.layers.Dense(outputs, name="head", dtype="float32")(trunk), **kwargs
            )
            self.features, self.units, self.outputs_ = dict(features), units, outputs

        def get_config(self):
            return {
                "features": dict(self.features),
                "units": self.units,
                "outputs": self.outputs_,
                "name": self.name,
            }

        def new_head(self, units, activation=None):
            model = Tiny(self.features, self.units, units)
            model.get_layer("trunk").set_weights(self.get_layer("trunk").get_weights())
            return model

    models = importlib.import_module("keras_mer.models")
    monkeypatch.setattr(models, "__all__", ["Tiny"], raising=False)
    monkeypatch.setattr(models, "Tiny", Tiny, raising=False)
    return Tiny


def entry_metadata(name, files, **fields):
    """The metadata.json of an entry whose files are given as bytes."""
    records = {
        file: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for file, content in files.items()
    }
    basic = {"system": "Tiny", "modalities": ["text", "audio"], "parameters": 1}
    return {"format_version": 1, "name": name, **basic, "files": records, **fields}


@pytest.fixture
def write_entry():
    """Writes an entry of arbitrary bytes, for what needs no model."""

    def write(folder, files=None, **fields):
        folder = Path(folder)
        files = {"config.json": b"{}", "model.weights.h5": b"w" * 3000} if files is None else files
        for file, content in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        metadata = entry_metadata(folder.name, files, **fields)
        (folder / "metadata.json").write_text(json.dumps(metadata))
        return folder

    return write


class Mirror:
    """A server on this machine that serves a folder, with the faults it is told.

    Attributes:
        folder: what it serves.
        faults: per path what to do with the next requests: a status, "drop", "truncate",
            "wrong" or "slow"; thereafter it serves the file.
        asked: the paths in the order of the requests.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.faults = defaultdict(list)
        self.asked = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                mirror.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        path = request.path.lstrip("/")
        self.asked.append(path)
        fault = self.faults[path].pop(0) if self.faults[path] else None
        file = self.folder / path
        if isinstance(fault, int) or not file.is_file():
            request.send_error(fault or 404)
            return
        content = file.read_bytes()
        if fault == "slow":
            time.sleep(0.6)
        if fault == "wrong":
            content = b"x" * len(content)
        if fault == "truncate":
            content = content[: len(content) // 2]
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        with suppress(OSError):  # the client gave up
            request.wfile.write(content[: len(content) // 2] if fault == "drop" else content)
        request.close_connection = True


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror that KERAS_MER_MIRRORS names."""
    (tmp_path / "mirror").mkdir()
    mirror = Mirror(tmp_path / "mirror")
    monkeypatch.setenv("KERAS_MER_MIRRORS", mirror.address)
    yield mirror
    mirror.server.shutdown()
    mirror.server.server_close()
