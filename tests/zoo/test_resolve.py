"""Where entries come from, and what becomes of damaged, absent and hostile files."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from fake_hub import fake_hub

import keras_mer.zoo
from keras_mer import _download
from keras_mer._files import written_aside
from keras_mer.zoo import registry, resolve
from keras_mer.zoo.resolve import entry_file

WEIGHTS = "model.weights.h5"
PACKAGE = Path(keras_mer.zoo.__file__).parents[1]


def weights_of(name, source=None):
    return entry_file(resolve.resolve(name, source), WEIGHTS).read_bytes()


@pytest.fixture
def package(tmp_path, monkeypatch):
    for module in (registry, resolve):
        monkeypatch.setattr(module, "installed", lambda: tmp_path / "package")
    return tmp_path / "package"


def marked(content):
    return {"config.json": b"{}", WEIGHTS: content}


def test_places_are_searched_in_order(tmp_path, home, package, mirror, write_entry):
    write_entry(mirror.folder / "a", marked(b"mirror"))
    assert weights_of("a") == b"mirror"
    write_entry(package / "b", marked(b"package"))
    assert weights_of("b") == b"package"
    write_entry(home / "entries" / "b", marked(b"home"))
    assert weights_of("b") == b"home"
    write_entry(tmp_path / "mine" / "b", marked(b"mine"))
    assert weights_of("b", source=tmp_path / "mine") == b"mine"
    assert weights_of("b", source=tmp_path / "mine" / "b") == b"mine"
    assert weights_of(tmp_path / "mine" / "b") == b"mine"


def test_without_a_home_the_package_comes_before_the_cache(
    tmp_path, package, monkeypatch, write_entry
):
    monkeypatch.delenv("KERAS_MER_HOME")
    monkeypatch.setattr(registry, "home", lambda: tmp_path / "cache")
    write_entry(package / "a", marked(b"package"))
    write_entry(tmp_path / "cache" / "entries" / "a", marked(b"cache"))
    assert weights_of("a") == b"package"


def test_a_downloaded_entry_needs_no_network_again(mirror, monkeypatch, write_entry):
    write_entry(mirror.folder / "a", {"config.json": b"{}", "log/1.csv": b"1", WEIGHTS: b"w"})
    assert weights_of("a") == b"w"
    monkeypatch.setenv("KERAS_MER_OFFLINE", "1")
    mirror.asked.clear()
    entry = resolve.resolve("a")
    assert [entry_file(entry, file).read_bytes() for file in entry.files] == [b"{}", b"1", b"w"]
    assert mirror.asked == []


def test_offline_never_asks_a_mirror(mirror, monkeypatch, package, write_entry):
    write_entry(mirror.folder / "a")
    write_entry(package / "light")
    (package / "light" / WEIGHTS).unlink()
    monkeypatch.setenv("KERAS_MER_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="no entry 'a' on this machine"):
        resolve.resolve("a")
    with pytest.raises(FileNotFoundError, match="KERAS_MER_OFFLINE forbids: unset it"):
        weights_of("light")
    assert mirror.asked == []


def test_an_installed_entry_takes_absent_weights_from_a_mirror(package, mirror, write_entry):
    write_entry(package / "light", marked(b"light"))
    (package / "light" / WEIGHTS).unlink()
    write_entry(mirror.folder / "light", marked(b"forged"))
    with pytest.raises(ConnectionError, match="expected 5 bytes, received 6"):
        weights_of("light")
    write_entry(mirror.folder / "light", marked(b"light"))
    assert weights_of("light") == b"light"
    assert not (package / "light" / WEIGHTS).exists()
    before = len(mirror.asked)
    assert weights_of("light") == b"light"
    assert len(mirror.asked) == before


@pytest.mark.parametrize("fault", ["drop", "truncate", "wrong", "slow", 500, 503])
@pytest.mark.parametrize("file", [WEIGHTS, "metadata.json"])
def test_one_failure_is_survived(mirror, monkeypatch, write_entry, fault, file):
    monkeypatch.setattr(_download, "TIMEOUT", 0.3)
    write_entry(mirror.folder / "a", marked(b"w" * 3000))
    mirror.faults[f"a/{file}"] = [fault]
    assert weights_of("a") == b"w" * 3000
    assert mirror.asked.count(f"a/{file}") == 2


@pytest.mark.parametrize(
    ("fault", "said", "attempts"),
    [
        ("drop", "broke off", 2),
        ("truncate", "expected 3000 bytes, received 1500", 2),
        ("wrong", "expected sha256", 2),
        ("slow", "within 0.3 s", 2),
        (500, "HTTP 500", 2),
        (403, r"refuses access \(HTTP 403\)", 1),
    ],
)
def test_a_lasting_failure_is_named_and_leaves_nothing(
    mirror, home, monkeypatch, write_entry, fault, said, attempts
):
    monkeypatch.setattr(_download, "TIMEOUT", 0.3)
    write_entry(mirror.folder / "a")
    mirror.faults[f"a/{WEIGHTS}"] = [fault] * 9
    with pytest.raises(ConnectionError, match=said) as raised:
        weights_of("a")
    assert "a/model.weights.h5 could not be fetched" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert mirror.asked.count(f"a/{WEIGHTS}") == attempts
    left = {path.name for path in (home / "entries" / "a").iterdir()}
    assert left == {"config.json", "metadata.json", ".origin"}


def test_the_next_mirror_is_asked(tmp_path, mirror, monkeypatch, write_entry):
    write_entry(mirror.folder / "a", marked(b"second"))
    monkeypatch.setenv("KERAS_MER_MIRRORS", f"http://127.0.0.1:9/nothing, {mirror.address}/")
    assert weights_of("a") == b"second"


def test_a_mirror_with_a_newer_entry_is_passed_over(mirror, monkeypatch, write_entry):
    write_entry(mirror.folder / "new" / "a", format_version=9)
    write_entry(mirror.folder / "a", marked(b"known"))
    monkeypatch.setenv("KERAS_MER_MIRRORS", f"{mirror.address}/new")
    with pytest.raises(ValueError, match=r"cannot be used .*format 9 .* pip install --upgrade"):
        resolve.resolve("a")
    assert mirror.asked == ["new/a/metadata.json"]
    monkeypatch.setenv("KERAS_MER_MIRRORS", f"{mirror.address}/new,{mirror.address}")
    assert weights_of("a") == b"known"


def test_an_unknown_entry_names_the_nearest(home, mirror, write_entry):
    for name in ("cmmsf_mosi", "msrg_mosi", "foal_meld"):
        write_entry(home / "entries" / name)
    with pytest.raises(FileNotFoundError, match="nearest: cmmsf_mosi, msrg_mosi"):
        resolve.resolve("mosi")
    with pytest.raises(FileNotFoundError, match="nearest: cmmsf_mosi"):
        resolve.resolve("cmsf_mosi")
    with pytest.raises(FileNotFoundError, match=r"in .*entries; the nearest: foal_meld"):
        resolve.resolve("meld", source=home / "entries")


@pytest.mark.parametrize("name", ["../a", "a/../../b", "..", "a\\b", "", "a b", "C:a"])
def test_a_name_cannot_climb_out(tmp_path, name):
    with pytest.raises((ValueError, FileNotFoundError)):
        resolve.resolve(name)
    with pytest.raises(ValueError, match="name of an entry"):
        resolve.resolve(name, source=tmp_path)
    with pytest.raises(ValueError, match="name of an entry"):
        resolve.resolve(name, source="https://127.0.0.1:9/x")


@pytest.mark.parametrize(
    "file", ["../../evil.json", "/etc/evil.json", "a\\..\\evil.json", "C:e.md"]
)
def test_a_file_cannot_climb_out(mirror, home, tmp_path, write_entry, file):
    folder = write_entry(mirror.folder / "a")
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["files"][file] = metadata["files"]["config.json"]
    (folder / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match="could lead out of its folder"):
        resolve.resolve("a", source=mirror.folder)
    with pytest.raises(ValueError, match="could lead out of its folder"):
        resolve.resolve("a")
    assert not list(tmp_path.rglob("*evil*"))


def test_a_damaged_download_is_fetched_again_and_ones_own_file_is_not(
    home, mirror, tmp_path, write_entry
):
    write_entry(mirror.folder / "a", marked(b"good"))
    weights_of("a")
    (home / "entries" / "a" / WEIGHTS).write_bytes(b"bad!")
    assert weights_of("a") == b"good"
    write_entry(home / "entries" / "mine", marked(b"good"))
    (home / "entries" / "mine" / WEIGHTS).write_bytes(b"bad!")
    with pytest.raises(ValueError, match=r"is damaged .* restore the file"):
        weights_of("mine")
    assert (home / "entries" / "mine" / WEIGHTS).read_bytes() == b"bad!"
    (home / "entries" / "mine" / WEIGHTS).unlink()
    with pytest.raises(FileNotFoundError, match=r"is listed in metadata.json but is not there"):
        weights_of("mine")


def test_a_killed_download_and_a_stale_lock_do_not_matter(home, mirror, write_entry):
    write_entry(mirror.folder / "a", marked(b"good"))
    folder = home / "entries" / "a"
    folder.mkdir(parents=True)
    with written_aside(folder / WEIGHTS) as killed:
        killed.write_bytes(b"go")
    killed.write_bytes(b"go")
    os.utime(killed, (0, 0))
    (folder / "a.lock").touch()
    (folder / WEIGHTS).write_bytes(b"go")  # as a copy by hand that broke off
    assert registry.list_models() == []
    assert weights_of("a") == b"good"
    assert not killed.exists()


FOUR = """
import sys, types
for name, path in (("keras_mer", sys.argv[1]), ("keras_mer.zoo", sys.argv[1] + "/zoo")):
    package = types.ModuleType(name)  # the resolver alone: it must not need Keras
    package.__path__ = [path]
    sys.modules[name] = package
from keras_mer.zoo.resolve import entry_file, resolve
entry = resolve("a")
print(len(entry_file(entry, "model.weights.h5").read_bytes()))
assert "keras" not in sys.modules
"""


def test_four_processes_at_once(home, mirror, write_entry):
    write_entry(mirror.folder / "a", marked(b"w" * 300_000))
    mirror.faults[f"a/{WEIGHTS}"] = ["slow", "drop"]
    command = [sys.executable, "-c", textwrap.dedent(FOUR), str(PACKAGE)]
    four = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [one.communicate() for one in four] == [("300000\n", "")] * 4
    left = sorted(path.name for path in (home / "entries" / "a").iterdir())
    assert left == [".origin", "config.json", "metadata.json", WEIGHTS]


def test_an_address_of_the_callers_is_kept_apart(home, mirror, monkeypatch, write_entry):
    write_entry(mirror.folder / "theirs" / "a", marked(b"theirs"))
    write_entry(mirror.folder / "a", marked(b"ours"))
    assert weights_of(f"{mirror.address}/theirs/a") == b"theirs"
    assert weights_of("a", source=f"{mirror.address}/theirs") == b"theirs"
    assert weights_of("a") == b"ours"
    monkeypatch.setenv("KERAS_MER_OFFLINE", "1")
    assert weights_of("a", source=f"{mirror.address}/theirs") == b"theirs"


@pytest.mark.parametrize("address", ["http://example.org/x", "ftp://x/y", "s3://x", "hf://only"])
def test_other_addresses_are_refused(monkeypatch, address):
    monkeypatch.setenv("KERAS_MER_MIRRORS", address)
    with pytest.raises(ValueError, match="a mirror is https://host/folder, or hf://"):
        resolve.resolve("a")


def test_half_an_address_is_refused():
    with pytest.raises(ValueError, match="received 'hf://organisation'"):
        resolve.resolve("hf://organisation")


def test_a_home_that_cannot_be_written(home, mirror, write_entry):
    write_entry(mirror.folder / "a")
    home.write_text("a file where a folder should be")
    with pytest.raises(OSError, match="choose another folder"):
        resolve.resolve("a")


@pytest.mark.once
def test_a_fresh_process_fetches_from_the_hub(tmp_path):
    """huggingface_hub imports its parts when they are asked for, and only some of them."""
    pytest.importorskip("huggingface_hub")
    program = (
        "import huggingface_hub\n"
        "def absent(*_, **__):\n"
        "    from huggingface_hub.errors import RemoteEntryNotFoundError as Error\n"
        "    raise Error.__new__(Error)\n"
        "huggingface_hub.hf_hub_download = absent\n"
        "import sys, keras_mer.zoo\n"
        "try: keras_mer.zoo.load('hf://org/zoo/a')\n"
        "except FileNotFoundError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=PACKAGE.parent,
        env={**os.environ, "KERAS_MER_HOME": str(tmp_path / "home")},
    )
    assert "it has no such file (HTTP 404)" in done.stdout, done.stderr


class TestHub:
    @pytest.fixture
    def hub(self, tmp_path, monkeypatch):
        return fake_hub(monkeypatch, tmp_path / "hub")

    def test_repository_as_a_mirror_at_a_revision(self, hub, tmp_path, monkeypatch, write_entry):
        write_entry(tmp_path / "hub" / "org" / "zoo" / "a", marked(b"hub"))
        monkeypatch.setenv("KERAS_MER_MIRRORS", "hf://org/zoo@v1")
        assert weights_of("a") == b"hub"
        assert ("org/zoo", f"a/{WEIGHTS}", "v1") in hub

    def test_repository_that_is_an_entry(self, hub, tmp_path, write_entry):
        write_entry(tmp_path / "hub" / "org" / "my_mosi", marked(b"root"))
        assert weights_of("hf://org/my_mosi") == b"root"

    @pytest.mark.parametrize(
        ("kind", "raised", "said"),
        [
            ("RemoteEntryNotFoundError", FileNotFoundError, "at a mirror"),
            ("LocalEntryNotFoundError", ConnectionError, "Hub could not be reached"),
            ("GatedRepoError", ConnectionError, "refuses access"),
        ],
    )
    def test_failures(self, hub, monkeypatch, kind, raised, said):
        errors = pytest.importorskip("huggingface_hub.errors")
        error = getattr(errors, kind).__new__(getattr(errors, kind))

        def fail(*_, **__):
            raise error

        monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
        monkeypatch.setenv("KERAS_MER_MIRRORS", "hf://org/zoo")
        with pytest.raises(raised, match=said):
            resolve.resolve("a")
