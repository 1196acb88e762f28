"""Public data by name, whatever the servers, the disk and other processes do."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import keras_mer.data
from keras_mer.data import sources
from keras_mer.data.sources.fetch import AT_ONCE

pytestmark = pytest.mark.once

COMMIT = "0123456789abcdef" * 2 + "01234567"
AT_ONE, AT_TWO = f"one/org/repo/{COMMIT}", f"two/org/repo/{COMMIT}"
TWO_FILES = {"a/x.csv": b"1,2\n" * 500, "y.npy": b"y" * 3000}


def content(root):
    paths = (path for path in Path(root).rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


@contextmanager
def nobody():
    """As a user who may not write into the folders of others."""
    if not hasattr(os, "geteuid"):
        pytest.skip("no users as on POSIX")
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


def read_only(folder):
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def test_a_fetched_set_is_whole_and_needs_no_network_again(home, server, public, monkeypatch):
    files = public(TWO_FILES)
    root = sources.fetch("tiny")
    assert root == home / "data" / "tiny"
    assert content(root) == files
    assert sources.count_present(sources.source("tiny")) == 2
    monkeypatch.setenv("KERAS_MER_OFFLINE", "1")
    server.asked.clear()
    assert sources.fetch("tiny") == root
    assert server.asked == []


def test_only_what_is_missing_or_damaged_is_fetched(server, public):
    files = public({**TWO_FILES, "z": b"z"})
    root = sources.fetch("tiny")
    (root / "y.npy").write_bytes(b"damaged")
    (root / "z").unlink()
    server.asked.clear()
    assert content(sources.fetch("tiny")) == files
    assert sorted(server.asked) == [f"{AT_ONE}/y.npy", f"{AT_ONE}/z"]


@pytest.mark.parametrize(
    ("fault", "asked_one", "asked_two"),
    [
        ("drop", 2, 0),
        ("truncate", 2, 0),
        ("wrong", 2, 0),
        ("slow", 2, 0),
        ("stall", 2, 0),
        ("redirect", 1, 0),
        (500, 2, 0),
        (429, 2, 0),
        (403, 1, 1),
        (404, 1, 1),
    ],
)
def test_one_failure_is_survived(server, public, fault, asked_one, asked_two):
    files = public({"x": b"good" * 50_000})
    server.faults[f"{AT_ONE}/x"] = [fault]
    assert content(sources.fetch("tiny")) == files
    assert server.asked.count(f"{AT_ONE}/x") == asked_one
    assert server.asked.count(f"{AT_TWO}/x") == asked_two


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("drop", "broke off"),
        ("truncate", "expected 3000 bytes, received 1500"),
        ("wrong", "expected sha256"),
        ("slow", "no answer within 0.4 s"),
        ("stall", "no byte within 0.4 s"),
        (500, "HTTP 500"),
        (403, "refuses access"),
        (404, "no such file"),
    ],
)
def test_a_dead_link_is_said_in_one_sentence_with_the_alternatives(
    home, server, public, fault, said
):
    public(TWO_FILES)
    server.always |= {f"{AT_ONE}/y.npy": fault, f"{AT_TWO}/y.npy": fault}
    with pytest.raises((ConnectionError, FileNotFoundError), match=said) as raised:
        sources.fetch("tiny")
    message = str(raised.value)
    assert message.startswith("y.npy ")
    assert "\n" not in message
    for part in (
        f"{server.one}/org/repo/{COMMIT}: ",
        f"{server.two}/org/repo/{COMMIT}: ",
        f"https://github.com/org/repo/tree/{COMMIT}",
        "https://tiny.example",
        "--mirror",
        str(home / "data" / "tiny" / "y.npy"),
    ):
        assert part in message
    wait_until(lambda: set(content(home)) <= {"data/tiny/a/x.csv"})
    server.always.clear()
    assert content(sources.fetch("tiny")) == TWO_FILES


def test_circles_and_refused_connections_are_named(server, public):
    public({"x": b"x"})
    server.always[""] = "redirect"
    with pytest.raises(ConnectionError, match="it redirects in circles"):
        sources.fetch("tiny")
    with pytest.raises(ConnectionError, match=r"http://127.0.0.1:9: it could not be reached"):
        sources.fetch("tiny", mirrors=["http://127.0.0.1:9"])


def test_a_mirror_that_is_down_is_not_waited_for_again_and_again(server, public):
    files = public({f"{i}.wav": bytes([i]) * 500 for i in range(40)})
    server.always["one/"] = 503
    assert content(sources.fetch("tiny")) == files
    assert sum(path.startswith("one/") for path in server.asked) <= 2 * AT_ONCE


def test_the_users_mirror_is_asked_first(server, public):
    files = public(TWO_FILES)
    mine = server.folder / "mine"
    (mine / "a").mkdir(parents=True)
    (mine / "a" / "x.csv").write_bytes(files["a/x.csv"])
    (mine / "y.npy").write_bytes(b"forged")
    assert content(sources.fetch("tiny", mirrors=[f"{server.address}/mine/"])) == files
    assert "mine/a/x.csv" in server.asked
    with pytest.raises(ValueError, match="a mirror is https://host/folder"):
        sources.fetch("tiny", mirrors=["ftp://host"])


def test_restricted_data_wait_for_the_users_acceptance(home, server, public, monkeypatch):
    files = public(TWO_FILES, apply="https://owner.example/form")
    with pytest.raises(sources.TermsError, match=r"For tests\. .*owner\.example/form: apply there"):
        sources.fetch("tiny")
    assert server.asked == []
    assert not home.exists()
    assert content(sources.fetch("tiny", accept_terms=True)) == files
    assert content(sources.fetch("tiny")) == files  # has nothing to fetch


def test_offline_is_said_before_anything_else(home, server, public, monkeypatch):
    public(TWO_FILES, apply="https://owner.example/form")
    monkeypatch.setenv("KERAS_MER_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match=r"a/x.csv and 1 more files of tiny .* forbids"):
        sources.fetch("tiny")
    assert server.asked == []


def test_a_file_of_the_users_is_not_overwritten(place, server, public):
    files = public(TWO_FILES)
    assert content(sources.fetch("tiny", place / "own")) == {**files}
    assert sources.count_present(sources.source("tiny"), place / "own") == 2
    (place / "own" / "tiny" / "y.npy").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"y.npy is not the public file .*: remove it"):
        sources.fetch("tiny", place / "own")
    assert (place / "own" / "tiny" / "y.npy").read_bytes() == b"mine"


def test_an_unknown_name_names_the_nearest(public):
    public(TWO_FILES)
    with pytest.raises(ValueError, match="no data set 'tinny'; did you mean 'tiny'"):
        sources.fetch("tinny")


def test_a_cache_that_cannot_be_written_is_read(home, server, public):
    files = public(TWO_FILES)
    sources.fetch("tiny")
    read_only(home)
    with nobody():
        assert content(sources.fetch("tiny")) == files


def test_a_cache_that_cannot_be_written_is_named(home, server, public):
    public(TWO_FILES)
    root = sources.fetch("tiny")
    (root / "y.npy").unlink()
    read_only(home)
    with nobody(), pytest.raises(OSError, match=r"tiny cannot be written .* another folder"):
        sources.fetch("tiny")


PROGRAM = """
import importlib, signal, sys, types
# What runs in the background may have been started deaf to it.
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
package, registry, address = sys.argv[1:]
for name in ("keras_mer", "keras_mer.data"):  # without Keras, which takes seconds
    module = types.ModuleType(name)
    module.__path__ = [str(Path(package, *name.split(".")[1:]))]
    sys.modules[name] = module
source = importlib.import_module("keras_mer.data.sources.source")
source.REGISTRY = Path(registry)
hosts = [address + "/" + host + "/{repository}/{commit}" for host in ("one", "two")]
source.HOSTS = tuple((host, float("inf")) for host in hosts)
print(importlib.import_module("keras_mer.data.sources").fetch("tiny"))
assert "keras" not in sys.modules
"""


@pytest.fixture
def start(place, server):
    """Starts a process that fetches `tiny`."""
    package = Path(keras_mer.data.__file__).parents[1]
    started = []

    def start():
        arguments = [str(package), str(place / "registry.toml"), server.address]
        command = [sys.executable, "-c", textwrap.dedent(PROGRAM), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_two_processes_at_once(home, server, public, start):
    files = public({f"{i}.wav": bytes([i]) * 100_000 for i in range(30)})
    for path in ("3.wav", "7.wav"):
        server.faults[f"{AT_ONE}/{path}"] = ["drop", "truncate"]
    two = [start(), start()]
    expected = (f"{home / 'data' / 'tiny'}\n", "")
    assert [one.communicate(timeout=60) for one in two] == [expected] * 2
    assert content(home / "data" / "tiny") == files


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_download_goes_on_where_it_was(home, server, public, start, how):
    files = public({"a": b"a" * 100, "big": b"b" * 300_000})
    server.faults[f"{AT_ONE}/big"] = ["stall"]
    process = start()
    root = home / "data" / "tiny"
    wait_until(lambda: (root / "a").is_file() and len(list(root.glob(".*-big"))) == 1)
    process.send_signal(how)
    process.communicate(timeout=5)
    assert process.returncode
    assert not (root / "big").exists()
    for path in root.glob(".*-big"):
        os.utime(path, (0, 0))  # long ago, so that it cannot be another process's
    server.asked.clear()
    assert content(sources.fetch("tiny")) == files
    assert server.asked == [f"{AT_ONE}/big"]


def wait_until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
