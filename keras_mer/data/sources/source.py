"""The registry of public data: what there is, where, and under which terms."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from keras_mer._nearest import did_you_mean

REGISTRY = Path(__file__).with_name("registry.toml")

HOSTS: tuple[tuple[str, float], ...] = (
    ("https://raw.githubusercontent.com/{repository}/{commit}", float("inf")),
    ("https://cdn.jsdelivr.net/gh/{repository}@{commit}", 20e6),
)
"""Who serves the files of public repositories, and up to how many bytes each."""


@dataclass(frozen=True)
class Origin:
    """A public repository at a fixed commit.

    Attributes:
        repository: `owner/name` on GitHub.
        commit: 40 hexadecimal digits.
        licence: what the repository says, and what is known of the data in it.
    """

    repository: str
    commit: str
    licence: str

    @property
    def page(self) -> str:
        """Where to look at the repository."""
        return f"https://github.com/{self.repository}/tree/{self.commit}"

    def mirrors(self, size: int) -> list[str]:
        """The addresses that serve files of so many bytes."""
        return [
            host.format(repository=self.repository, commit=self.commit)
            for host, largest in HOSTS
            if size < largest
        ]


@dataclass(frozen=True)
class PublicFile:
    """A file of a data set.

    Attributes:
        path: inside the repository, and inside the folder of the data set.
        bytes: its size.
        sha256: in hexadecimal.
        origin: where it is.
    """

    path: str
    bytes: int
    sha256: str
    origin: Origin

    @property
    def record(self) -> dict[str, Any]:
        """What a fetched file must agree with."""
        return {"bytes": self.bytes, "sha256": self.sha256}


@dataclass(frozen=True)
class Source:
    """A data set that can be fetched.

    Attributes:
        name: what `fetch` calls it.
        title: what it is, in a line.
        holds: which features, labels and media.
        terms: under which terms it may be used.
        apply: where its makers give it out, if they ask for acceptance of their terms; else "".
        homepage: where to read about it.
        reads: the paths in its folder that `keras_mer.data.read` takes.
        files: all files.
    """

    name: str
    title: str
    holds: str
    terms: str
    apply: str
    homepage: str
    reads: tuple[str, ...]
    files: tuple[PublicFile, ...]

    @property
    def restricted(self) -> bool:
        """Whether its terms must be accepted before it is fetched."""
        return bool(self.apply)

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(file.bytes for file in self.files)

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The repositories that it comes from."""
        return tuple(dict.fromkeys(file.origin for file in self.files))


def source(name: str) -> Source:
    """What is known of a data set.

    Raises:
        ValueError: if there is no such data set; the message names the nearest.

    Example:

    >>> from keras_mer.data import sources
    >>> emodb = sources.source("emodb")
    >>> len(emodb.files), emodb.bytes, emodb.restricted
    (537, 47243671, False)
    """
    known = registry(REGISTRY)
    if name in known:
        return known[name]
    hint = did_you_mean(str(name).lower(), known)
    raise ValueError(f"there is no data set {name!r}; {hint}there are {', '.join(known)}")


def list_sources() -> list[str]:
    """The names of the data sets that can be fetched. Needs no network.

    Example:

    >>> from keras_mer.data import sources
    >>> "mosi" in sources.list_sources()
    True
    """
    return list(registry(REGISTRY))


@cache
def registry(path: Path) -> Mapping[str, Source]:
    """The data sets of a registry, by name."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: _source(name, fields, path.parent) for name, fields in content.items()}


def _source(name: str, fields: Mapping[str, Any], folder: Path) -> Source:
    files: list[PublicFile] = []
    for given in fields["origins"]:
        origin = Origin(given["repository"], given["commit"], given["licence"])
        records = dict(given.get("files", {}))
        if "sums" in given:
            records |= _sums(folder / given["sums"])
        files += [PublicFile(path, r["bytes"], r["sha256"], origin) for path, r in records.items()]
    return Source(
        name=name,
        title=fields["title"],
        holds=fields["holds"],
        terms=fields["terms"],
        apply=fields.get("apply", ""),
        homepage=fields["homepage"],
        reads=tuple(fields["reads"]),
        files=tuple(files),
    )


def _sums(path: Path) -> dict[str, dict[str, Any]]:
    """The files of a bulk set, from lines of `sha256 bytes path`."""
    lines = (line.split(" ", 2) for line in path.read_text(encoding="utf-8").splitlines())
    return {name: {"sha256": digest, "bytes": int(size)} for digest, size, name in lines}
