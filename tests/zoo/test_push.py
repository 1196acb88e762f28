"""Entries published: whole or not at all, and readable from where they were put."""

import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from fake_hub import downloaded
from typer.testing import CliRunner

from keras_mer import _files, zoo
from keras_mer.cli import app

FEATURES = {"text": 4, "audio": 3}
WEIGHTS = "model.weights.h5"


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def edited(folder, **fields):
    path = Path(folder) / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_a_plain_web_server_of_the_folder_is_a_source(tiny, tmp_path):
    model = tiny(FEATURES)
    folder = zoo.save_entry(model, tmp_path / "entries" / "my_mosi")
    (folder / ".origin").write_text("no part of the entry")
    (folder / "own.py").write_text("no part of the entry either")
    place = zoo.push(folder, tmp_path / "www" / "zoo")
    assert place == str(tmp_path / "www" / "zoo" / "my_mosi")
    published = {file: data for file, data in content(folder).items() if file[0] not in ".o"}
    assert content(tmp_path / "www") == {f"zoo/my_mosi/{f}": data for f, data in published.items()}

    def handler(*arguments):
        return Quiet(*arguments, directory=tmp_path / "www")

    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        source = f"http://127.0.0.1:{server.server_port}/zoo"
        loaded = zoo.load("my_mosi", source=source)
        server.shutdown()
    x = {name: np.ones((2, 3, dim), "float32") for name, dim in FEATURES.items()}
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert zoo.load(place).count_params() == model.count_params()


@pytest.mark.once
class TestFolder:
    def test_a_new_version_replaces_the_old_one_whole(self, tmp_path, write_entry):
        old = {"config.json": b"{}", "log/1.csv": b"1", WEIGHTS: b"old"}
        zoo.push(write_entry(tmp_path / "1" / "a", old), tmp_path / "zoo")
        new = write_entry(tmp_path / "2" / "a", {"config.json": b"{ }", WEIGHTS: b"new"})
        zoo.push(new, tmp_path / "zoo")
        assert content(tmp_path / "zoo" / "a") == content(new)

    @pytest.mark.parametrize("harm", ["damaged", "missing"])
    def test_a_harmed_entry_does_not_go_out(self, tmp_path, write_entry, harm):
        folder = write_entry(tmp_path / "a")
        if harm == "damaged":
            (folder / WEIGHTS).write_bytes(b"x" * 3000)
            expected = pytest.raises(ValueError, match=r"model.weights.h5 is damaged")
        else:
            (folder / WEIGHTS).unlink()
            expected = pytest.raises(FileNotFoundError, match=r"is listed .* but is not there")
        for target in (tmp_path / "zoo", "hf://org/zoo"):
            with expected:
                zoo.push(folder, target)
        assert not (tmp_path / "zoo").exists()

    def test_a_push_that_fails_half_way_leaves_the_old_entry(
        self, tmp_path, write_entry, monkeypatch
    ):
        zoo.push(write_entry(tmp_path / "1" / "a"), tmp_path / "zoo")
        before = content(tmp_path / "zoo")
        new = write_entry(tmp_path / "2" / "a", {"config.json": b"{ }", WEIGHTS: b"new"})

        def full(source, target):
            if Path(target).name == WEIGHTS:
                Path(target).write_bytes(b"n")
                raise OSError(28, "No space left on device", str(target))
            Path(target).write_bytes(Path(source).read_bytes())

        monkeypatch.setattr("shutil.copyfile", full)
        with pytest.raises(OSError, match=r"\(No space left on device\), and is as it was"):
            zoo.push(new, tmp_path / "zoo")
        assert content(tmp_path / "zoo") == before

    def test_a_rename_that_fails_puts_the_old_entry_back(self, tmp_path, write_entry, monkeypatch):
        zoo.push(write_entry(tmp_path / "1" / "a"), tmp_path / "zoo")
        before = content(tmp_path / "zoo")
        new = write_entry(tmp_path / "2" / "a", {"config.json": b"{ }", WEIGHTS: b"new"})
        rename = _files.os.rename

        def refuse(source, target):
            if (
                Path(target) == tmp_path / "zoo" / "a"
                and (Path(source) / WEIGHTS).stat().st_size < 9
            ):
                raise PermissionError(13, "Permission denied", str(target))
            rename(source, target)

        monkeypatch.setattr(_files.os, "rename", refuse)
        with pytest.raises(OSError, match=r"\(Permission denied\), and is as it was: free or"):
            zoo.push(new, tmp_path / "zoo")
        assert content(tmp_path / "zoo") == before

    @pytest.mark.parametrize(
        ("there", "said"),
        [
            ({"name": "other"}, "holds the entry other, not a"),
            ({"versions": {"keras_mer": "99.0"}}, r"as keras-mer 99.0 wrote it, and this one"),
            ({"format_version": 9}, r"cannot be read \(the entry has format 9"),
            ({"files": 3}, "cannot be read .* left as it is"),
        ],
    )
    def test_what_must_not_be_replaced(self, tmp_path, write_entry, there, said):
        folder = write_entry(tmp_path / "mine" / "a", versions={"keras_mer": "0.1.0"})
        edited(write_entry(tmp_path / "zoo" / "a"), **there)
        before = content(tmp_path / "zoo")
        with pytest.raises(ValueError, match=said) as raised:
            zoo.push(folder, tmp_path / "zoo")
        assert "\n" not in str(raised.value)
        assert content(tmp_path / "zoo") == before

    def test_something_else_in_the_way(self, tmp_path, write_entry):
        folder = write_entry(tmp_path / "zoo" / "a")
        with pytest.raises(ValueError, match="is the entry itself"):
            zoo.push(folder, tmp_path / "zoo")
        with pytest.raises(
            ValueError, match=r"is an entry itself: give the folder that is to hold"
        ):
            zoo.push(folder, write_entry(tmp_path / "other" / "b"))
        (tmp_path / "www" / "a").mkdir(parents=True)
        (tmp_path / "www" / "a" / "index.html").write_text("not ours")
        with pytest.raises(FileExistsError, match="is no entry: remove it"):
            zoo.push(folder, tmp_path / "www")
        assert (tmp_path / "www" / "a" / "index.html").exists()


@pytest.mark.once
@pytest.mark.parametrize(
    "target",
    ["https://example.org/zoo", "hf://only", "hf://org/zoo/b", "hf://org/zoo/a/b", "hf://o/z@v1/a"],
)
def test_other_targets_are_refused(tmp_path, write_entry, target):
    with pytest.raises(ValueError, match="is pushed to hf://organisation/repository, hf://"):
        zoo.push(write_entry(tmp_path / "a"), target)


@pytest.mark.once
class TestHub:
    @pytest.fixture
    def hub(self, tmp_path, monkeypatch):
        """A Hub whose repositories are folders; `failures` by the name of the call."""
        huggingface_hub = pytest.importorskip("huggingface_hub")
        root = tmp_path / "hub"

        class Hub:
            failures, commits, made = {}, [], []

            def __init__(self, **_):
                pass

            def answer(self, call):
                if call in self.failures:
                    raise self.failures[call]

            def create_repo(self, repo, private, exist_ok):
                self.answer("create_repo")
                assert exist_ok
                self.made.append((repo, private))
                (root / repo).mkdir(parents=True, exist_ok=True)

            def create_commit(self, repo, operations, commit_message):
                self.answer("create_commit")
                self.commits.append(commit_message)
                for operation in operations:
                    path = root / repo / operation.path_in_repo
                    if isinstance(operation, huggingface_hub.CommitOperationDelete):
                        path.unlink()
                    else:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(Path(operation.path_or_fileobj).read_bytes())

        def download(repo, file, revision=None, local_dir=None):
            Hub().answer("download")
            return downloaded(root, repo, file, local_dir)

        monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
        Hub.failures, Hub.commits, Hub.made, Hub.root = {}, [], [], root
        return Hub

    def http_error(self, status):
        errors = pytest.importorskip("huggingface_hub.errors")
        error = errors.HfHubHTTPError.__new__(errors.HfHubHTTPError)
        error.response = type("Response", (), {"status_code": status})()
        return error

    @pytest.mark.parametrize("address", ["hf://org/zoo/a", "hf://org/a"])
    def test_it_is_read_back(self, hub, tmp_path, write_entry, address):
        files = {"config.json": b"{}", "log/1.csv": b"1", WEIGHTS: b"w"}
        folder = write_entry(tmp_path / "a", files)
        (folder / "own.py").write_text("no part of the entry")
        assert zoo.push(folder, address, private=True) == address
        assert hub.made == [("/".join(address.split("/")[2:4]), True)]
        place = hub.root / address.removeprefix("hf://")
        assert content(place) == {f: d for f, d in content(folder).items() if f != "own.py"}
        zoo.verify(address)

    def test_files_of_the_replaced_entry_go_and_others_stay(self, hub, tmp_path, write_entry):
        old = {"config.json": b"{}", "log/1.csv": b"1", WEIGHTS: b"old"}
        zoo.push(write_entry(tmp_path / "1" / "a", old), "hf://org/zoo/a")
        (hub.root / "org/zoo/README.md").write_text("of the repository")
        new = write_entry(tmp_path / "2" / "a", {"config.json": b"{ }", WEIGHTS: b"new"})
        zoo.push(new, "hf://org/zoo/a", message="Better")
        assert content(hub.root / "org/zoo/a") == content(new)
        assert (hub.root / "org/zoo/README.md").exists()
        assert hub.commits == ["Entry a", "Better"]

    def test_another_or_a_newer_entry_stays(self, hub, tmp_path, write_entry):
        zoo.push(write_entry(tmp_path / "theirs"), "hf://org/one")
        mine = write_entry(tmp_path / "mine", versions={"keras_mer": "0.1.0"})
        with pytest.raises(ValueError, match="hf://org/one holds the entry theirs, not mine"):
            zoo.push(mine, "hf://org/one")
        newer = write_entry(tmp_path / "new" / "mine", versions={"keras_mer": "0.2.0"})
        zoo.push(newer, "hf://org/zoo/mine")
        with pytest.raises(ValueError, match=r"as keras-mer 0.2.0 wrote it.* keras-mer 0.1.0"):
            zoo.push(mine, "hf://org/zoo/mine")
        zoo.push(newer, "hf://org/zoo/mine")
        assert len(hub.commits) == 3

    @pytest.mark.parametrize("call", ["create_repo", "create_commit", "download"])
    @pytest.mark.parametrize(
        ("status", "said"), [(401, "log in with"), (403, "log in with"), (500, "try again later")]
    )
    def test_refusals_are_one_sentence(self, hub, tmp_path, write_entry, call, status, said):
        hub.failures[call] = self.http_error(status)
        said = "try again later" if call == "download" else said
        with pytest.raises(ConnectionError, match=f"hf://org/zoo .*{status}.*{said}") as raised:
            zoo.push(write_entry(tmp_path / "a"), "hf://org/zoo/a")
        assert "\n" not in str(raised.value)
        assert hub.commits == []

    def test_an_unreachable_hub(self, hub, tmp_path, write_entry, monkeypatch):
        hub.failures["create_repo"] = OSError("no route to host")
        with pytest.raises(ConnectionError, match=r"could not be reached .*no route to host"):
            zoo.push(write_entry(tmp_path / "a"), "hf://org/zoo")
        monkeypatch.setenv("KERAS_MER_OFFLINE", "1")
        with pytest.raises(ConnectionError, match="KERAS_MER_OFFLINE forbids to push"):
            zoo.push(tmp_path / "a", "hf://org/zoo")


@pytest.mark.once
def test_the_command_line_says_where_it_is(tmp_path, write_entry):
    folder = write_entry(tmp_path / "a")
    done = CliRunner().invoke(app, ["push", str(folder), str(tmp_path / "zoo")])
    assert (done.exit_code, done.stdout.strip()) == (0, str(tmp_path / "zoo" / "a"))
    assert f'keras_mer.zoo.load("{tmp_path / "zoo" / "a"}")' in done.stderr
    (folder / WEIGHTS).unlink()
    done = CliRunner().invoke(app, ["push", str(folder), str(tmp_path / "zoo")])
    assert done.exit_code == 1
    assert done.stderr.startswith("keras-mer: ")
    assert len(done.stderr.splitlines()) == 1
