"""What befalls entries, and what comes of it: the rows of docs/faults.md.

`PYTHONPATH=. python tests/faults.py > docs/faults.md` writes that file anew.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent))

import pooch
from mirror import Mirror

from keras_mer import _download, models, zoo
from keras_mer._files import is_leftover, sha256
from keras_mer.zoo import registry, resolve

NAME = "my_mosi"
WEIGHTS, METADATA, CONFIG = "model.weights.h5", "metadata.json", "config.json"
PACKAGE = Path(zoo.__file__).parents[1]
TIMEOUT = 0.4

RESOLVE = """
import sys, types
for name, path in (("keras_mer", sys.argv[1]), ("keras_mer.zoo", sys.argv[1] + "/zoo")):
    package = types.ModuleType(name)  # the resolver alone, which does not need Keras
    package.__path__ = [path]
    sys.modules[name] = package
from keras_mer.zoo.resolve import entry_file, resolve
print(entry_file(resolve("my_mosi"), "model.weights.h5").stat().st_size)
"""


class Scene:
    """A home, a mirror that has an entry, and what may be done to both.

    Attributes:
        home: KERAS_MER_HOME, empty at first.
        mirror: the only mirror.
        published: the entry's folder at the mirror.
        cached: where its download goes.
        patches: what is undone when the scene is over.
    """

    def __init__(
        self, folder: Path, mirror: Mirror, entry: Path, patches: contextlib.ExitStack
    ) -> None:
        self.folder, self.mirror, self.patches = folder, mirror, patches
        self.home = folder / "home"
        self.published = mirror.folder / NAME
        self.cached = self.home / "entries" / NAME
        shutil.copytree(entry, self.published)

    def always(self, fault: object, file: str = WEIGHTS) -> None:
        """Every request for a file of the entry meets with a fault."""
        self.mirror.faults[f"{NAME}/{file}"] = [fault] * 9

    def forge(self, file: str, content: bytes, **metadata: object) -> None:
        """Puts other content into the published entry, with the right sha256."""
        (self.published / file).write_bytes(content)
        records = json.loads((self.published / METADATA).read_text())
        path = self.published / file
        records["files"][file] = {"sha256": sha256(path), "bytes": path.stat().st_size}
        (self.published / METADATA).write_text(json.dumps({**records, **metadata}))

    def forge_config(self, **changes: object) -> None:
        """Changes the published config.json, with the right sha256."""
        config = json.loads((self.published / CONFIG).read_text())
        self.forge(CONFIG, json.dumps({**config, **changes}).encode())

    def arguments(self) -> dict[str, object]:
        """Those of the published model."""
        config = json.loads((self.published / CONFIG).read_text())["config"]
        return dict(config)

    def start(self) -> subprocess.Popen[str]:
        """Another process that asks for the entry's weights."""
        return subprocess.Popen(
            [sys.executable, "-c", RESOLVE, str(PACKAGE)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, and how to make it so; `act` is what the user does then."""

    what: str
    arrange: Callable[[Scene], object]
    act: Callable[[Scene], object] = lambda scene: zoo.load(NAME)


@dataclass(frozen=True)
class Outcome:
    """What came of a fault.

    Attributes:
        said: the type and the message of the error; empty if all went well.
        disk: the files of the entry in the cache.
        whole: whether each of them is as metadata.json says.
    """

    said: str
    disk: str
    whole: bool


def nothing(scene: Scene) -> None:
    """Leaves the scene as it is."""


def full_disk(scene: Scene) -> None:
    """Downloads are written to a device that is full."""
    call = pooch.HTTPDownloader.__call__

    def full(self: object, url: str, path: str, *rest: object) -> None:
        if url.endswith(WEIGHTS):
            with open("/dev/full", "wb") as file:
                call(self, url, file, *rest)
        call(self, url, path, *rest)

    scene.patches.enter_context(patch.object(pooch.HTTPDownloader, "__call__", full))


def read_only(scene: Scene) -> None:
    """No folder and no file of the home can be made."""
    mkdir = Path.mkdir

    def refuse(self: Path, *given: object, **named: object) -> None:
        if self.is_relative_to(scene.home) and not self.is_dir():
            raise OSError(30, "Read-only file system", str(self))
        mkdir(self, *given, **named)

    scene.patches.enter_context(patch.object(Path, "mkdir", refuse))


def read_only_and_filled(scene: Scene) -> None:
    """The whole entry is in the cache, which is read-only, and there is no network."""
    zoo.load(NAME)
    read_only(scene)
    offline(scene)

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    scene.patches.enter_context(patch.object(os, "replace", refuse))


def offline(scene: Scene) -> None:
    """The network is forbidden."""
    scene.patches.enter_context(patch.dict(os.environ, KERAS_MER_OFFLINE="1"))


def in_circles(scene: Scene) -> None:
    """The mirror sends from place to place."""
    scene.mirror.always = {NAME: "redirect", "moved": "redirect"}


def killed(scene: Scene) -> None:
    """A process is killed while it writes the weights."""
    scene.mirror.faults[f"{NAME}/{WEIGHTS}"] = ["stall"]
    process = scene.start()
    while not any(is_leftover(path) for path in scene.cached.glob(".*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def many(scene: Scene) -> None:
    """Eight processes ask at once, and one of the first downloads breaks off."""
    scene.mirror.faults[f"{NAME}/{WEIGHTS}"] = ["drop"]
    processes = [scene.start() for _ in range(8)]
    answers = {process.communicate() for process in processes}
    assert answers == {(f"{(scene.published / WEIGHTS).stat().st_size}\n", "")}, answers


def stale(scene: Scene) -> None:
    """Half a file, a lock and a temporary file are left from long ago."""
    scene.cached.mkdir(parents=True)
    (scene.cached / WEIGHTS).write_bytes(b"half")
    (scene.cached / f"{NAME}.lock").touch()
    left = scene.cached / f".{'0' * 32}-{WEIGHTS}"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))


def damaged_in_cache(scene: Scene) -> None:
    """A downloaded file was changed."""
    zoo.load(NAME)
    (scene.cached / WEIGHTS).write_bytes(b"x" * (scene.cached / WEIGHTS).stat().st_size)


def damaged_offline(scene: Scene) -> None:
    """The same, without a network."""
    damaged_in_cache(scene)
    offline(scene)


def own(file: str | None, change: Callable[[Path], object]) -> Callable[[Scene], None]:
    """An entry of the user's own with a file that is not as it was."""

    def arrange(scene: Scene) -> None:
        shutil.copytree(scene.published, scene.folder / NAME)
        change(scene.folder / NAME / (file or METADATA))

    return arrange


def load_own(scene: Scene) -> object:
    """Loads the user's own entry."""
    return zoo.load(scene.folder / NAME)


def push_own(scene: Scene) -> object:
    """Publishes the user's own entry where an entry of that name is."""
    return zoo.push(scene.folder / NAME, scene.home / "entries")


def climb(scene: Scene) -> None:
    """metadata.json lists a file outside the entry."""
    records = json.loads((scene.published / METADATA).read_text())
    records["files"]["../../evil.json"] = records["files"][CONFIG]
    (scene.published / METADATA).write_text(json.dumps(records))


def foreign_class(scene: Scene) -> None:
    """config.json names a class of another package."""
    scene.forge_config(class_name="Evil", registered_name="evil>Evil")


def lambda_argument(scene: Scene) -> None:
    """config.json holds a Lambda among the arguments."""
    evil = {"class_name": "__lambda__", "config": {"value": "code"}, "module": "builtins"}
    scene.forge_config(config={**scene.arguments(), "activation": evil})


def other_shapes(scene: Scene) -> None:
    """The weights are those of a model of another width."""
    other = models.CMMSF({"text": 4, "audio": 5}, units=4, num_heads=2)
    path = scene.folder / WEIGHTS
    other.save_weights(path)
    scene.forge(WEIGHTS, path.read_bytes())


def newer_format(scene: Scene) -> None:
    """metadata.json is of a later format."""
    scene.forge(CONFIG, (scene.published / CONFIG).read_bytes(), format_version=2)


def newer_argument(scene: Scene) -> None:
    """config.json has an argument of a later version."""
    scene.forge_config(config={**scene.arguments(), "later": 1})


def older(scene: Scene) -> None:
    """config.json was written before some arguments were there."""
    arguments = scene.arguments()
    for name in ("pooling", "look_initializer", "input_dropout", "hidden_units"):
        del arguments[name]
    scene.forge_config(config=arguments)


def newer_there(scene: Scene) -> None:
    """Where an entry is to be published is one of a later version."""
    own(None, lambda path: None)(scene)
    shutil.copytree(scene.published, scene.cached)
    records = json.loads((scene.cached / METADATA).read_text())
    records["versions"]["keras_mer"] = "99.0"
    (scene.cached / METADATA).write_text(json.dumps(records))


def full_there(scene: Scene) -> None:
    """The disk that an entry is published on is full."""
    own(None, lambda path: None)(scene)
    shutil.copytree(scene.published, scene.cached)
    copyfile = shutil.copyfile

    def full(source: Path, target: Path) -> None:
        if Path(target).name == WEIGHTS:
            raise OSError(28, "No space left on device", str(target))
        copyfile(source, target)

    scene.patches.enter_context(patch.object(shutil, "copyfile", full))


def append(path: Path) -> None:
    """Adds a byte."""
    path.write_bytes(path.read_bytes() + b"x")


FAULTS = [
    Fault("no fault", nothing),
    Fault(
        "the connection drops in mid-file, once",
        lambda s: s.mirror.faults.update({f"{NAME}/{WEIGHTS}": ["drop"]}),
    ),
    Fault("the connection drops in mid-file, each time", lambda s: s.always("drop")),
    Fault("a file arrives cut short, each time", lambda s: s.always("truncate")),
    Fault("other bytes arrive, each time", lambda s: s.always("wrong")),
    Fault("metadata.json arrives cut short, each time", lambda s: s.always("truncate", METADATA)),
    Fault("the server answers 403", lambda s: s.always(403)),
    Fault("the server has the entry without its weights (404)", lambda s: s.always(404)),
    Fault("the server has no such entry (404)", lambda s: s.always(404, METADATA)),
    Fault("the server answers 500, each time", lambda s: s.always(500)),
    Fault("the server does not answer for too long", lambda s: s.always("slow")),
    Fault("the server stops in mid-file", lambda s: s.always("stall")),
    Fault("the server sends elsewhere", lambda s: s.always("redirect")),
    Fault("the server sends in circles", in_circles),
    Fault("nothing listens at the mirror", lambda s: s.mirror.__exit__()),
    Fault("the network is forbidden, nothing is in the cache", offline),
    Fault("the disk is full", full_disk),
    Fault("the cache is read-only and empty", read_only),
    Fault("the cache is read-only and filled, without a network", read_only_and_filled),
    Fault("eight processes at once, one download breaks off", many),
    Fault("a process was killed in mid-file", killed),
    Fault("half a file, a lock and a temporary file are left from long ago", stale),
    Fault("a downloaded file was changed", damaged_in_cache),
    Fault("a downloaded file was changed, without a network", damaged_offline),
    Fault("a file of one's own entry was changed", own(WEIGHTS, append), load_own),
    Fault("a file of one's own entry is missing", own(WEIGHTS, Path.unlink), load_own),
    Fault(
        "metadata.json of one's own entry is cut off",
        own(None, lambda path: path.write_text(path.read_text()[:99])),
        load_own,
    ),
    Fault("a path climbs out of the folder", climb),
    Fault("config.json names a class outside keras_mer", foreign_class),
    Fault("config.json holds a Lambda", lambda_argument),
    Fault("the weights are a pickle", lambda s: s.forge(WEIGHTS, b"\x80\x04code.")),
    Fault("the weights have other shapes", other_shapes),
    Fault("an entry of an older version", older),
    Fault("an entry of a newer format", newer_format),
    Fault("an entry of a newer version, with an argument unknown here", newer_argument),
    Fault("a changed entry is published", own(WEIGHTS, append), push_own),
    Fault("an older entry is published over a newer one", newer_there, push_own),
    Fault("the disk is full while an entry is published", full_there, push_own),
]


def run(fault: Fault, entry: Path) -> Outcome:
    """Makes something go wrong, and looks what came of it.

    Args:
        fault: what.
        entry: the entry that the mirror has, unharmed.
    """
    with contextlib.ExitStack() as patches, tempfile.TemporaryDirectory() as folder:
        mirror = patches.enter_context(Mirror(Path(folder, "mirror")))
        mirror.folder.mkdir()
        scene = Scene(Path(folder), mirror, entry, patches)
        environment = {"KERAS_MER_HOME": str(scene.home), "KERAS_MER_MIRRORS": mirror.address}
        patches.enter_context(patch.dict(os.environ, environment))
        os.environ.pop("KERAS_MER_OFFLINE", None)
        patches.enter_context(patch.object(_download, "PAUSE", 0))
        patches.enter_context(patch.object(_download, "TIMEOUT", TIMEOUT))
        for module in (registry, resolve):
            patches.enter_context(patch.object(module, "installed", lambda: None))
        fault.arrange(scene)
        said = ""
        try:
            fault.act(scene)
        except Exception as error:
            said = _literal(f"{type(error).__name__}: {error}", scene)
        assert not list(Path(folder).rglob("evil*")), fault.what
        return Outcome(said, _disk(scene), _whole(scene))


def _literal(message: str, scene: Scene) -> str:
    """The message with the names of this run's places replaced by usual ones."""
    message = message.replace(str(scene.home), "~/.cache/keras-mer")
    message = message.replace(str(scene.folder), "~").replace(f"{TIMEOUT:g} s", "30 s")
    message = re.sub(r"\.[0-9a-f]{32}-", ".TEMPORARY-", message)
    message = re.sub(r"\.incoming-[0-9a-f]{32}", ".TEMPORARY", message)
    message = re.sub(r"([0-9a-f]{8})[0-9a-f]{56}", r"\1...", message)
    return message.replace(scene.mirror.address, "https://mirror.example")


def _disk(scene: Scene) -> str:
    files = sorted(path.name for path in scene.cached.glob("*") if not is_leftover(path))
    left = [path for path in scene.cached.parent.rglob(".*") if is_leftover(path)]
    if not files and not left:
        return "nothing"
    held = [name for name in files if name != ".origin"]
    all_there = {CONFIG, METADATA, WEIGHTS, "README.md"} <= set(held)
    shown = "the whole entry" if all_there else ", ".join(held) or "nothing"
    extra = [name for name in held if name.endswith(".lock")] if all_there else []
    shown += "".join(f", {name}" for name in extra)
    return shown + (", a hidden half of a file, removed after a day" if left else "")


def _whole(scene: Scene) -> bool:
    """Whether what is in the cache by the name of a file is all of it."""
    if not (scene.cached / METADATA).exists():
        return True
    files = json.loads((scene.cached / METADATA).read_text())["files"]
    return all(
        sha256(scene.cached / file) == record["sha256"]
        for file, record in files.items()
        if (scene.cached / file).exists()
    )


def make_entry(folder: Path) -> Path:
    """A small entry."""
    model = models.CMMSF({"text": 4, "audio": 3}, units=4, num_heads=2)
    return zoo.save_entry(model, folder / NAME)


HEAD = """# What goes wrong, and what comes of it

Nothing half-written is ever used, nothing that an entry holds is run, and each error is one
sentence that says what to do. Each row was made to happen to `keras_mer.zoo.load("my_mosi")` (the
last three to `keras_mer.zoo.push`) by `PYTHONPATH=. python tests/faults.py > docs/faults.md`; the
tests make all of it happen again and compare. The words are literal, but for the names of places,
long sums and the time after which a silent server is given up (30 s). The last column is what the
cache holds afterwards by the entry's name.

| fault | what the user sees | on disk afterwards |
|---|---|---|
"""


def row(fault: Fault, outcome: Outcome) -> str:
    """The row of docs/faults.md."""
    said = outcome.said.replace("`", "'").replace("|", " ")
    return f"| {fault.what} | {f'`{said}`' if said else 'it loads'} | {outcome.disk} |"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        published = make_entry(Path(temporary))
        sys.stdout.write(HEAD + "".join(f"{row(f, run(f, published))}\n" for f in FAULTS))
