"""Features that were computed once, kept on disk by content."""

import sqlite3
import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

Row = tuple[np.ndarray, bool]

MOST_KEYS = 500  # in one statement; SQLite allowed 999 for most of its life


class FeatureCache:
    """Rows of vectors in one SQLite file, safe for several processes at once.

    The cache never stands in the way: if its file is damaged, locked or cannot be
    written, it warns once, and from then on finds nothing or keeps nothing.

    Args:
        path: the file; it and its folder are made when the first row is stored.
        dimension: the length of every vector.
        patience: the seconds to wait for another process's turn.
        most_bytes: of the file; beyond it the oldest rows make room. `None` keeps all.
    """

    def __init__(
        self,
        path: Path,
        dimension: int,
        patience: float = 10.0,
        most_bytes: int | None = None,
    ) -> None:
        self.path = path
        self.dimension = dimension
        self.patience = patience
        self.most_bytes = most_bytes
        self.readable = True
        self.writable = True

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Row]:
        """The rows that are stored: `(steps, dimension)` float32, and the row's flag."""
        found: dict[bytes, Row] = {}
        for key, flag, blob in self._found("key, flag, vectors", keys):
            values = np.frombuffer(blob, dtype="<f4", count=len(blob) // 4)
            if values.size % self.dimension == 0:
                found[key] = (values.reshape(-1, self.dimension), bool(flag))
        return found

    def _found(self, columns: str, keys: Sequence[bytes]) -> list[tuple[Any, ...]]:
        """These columns of the rows that are stored."""
        if not self.readable or not self.path.exists():
            return []
        found: list[tuple[Any, ...]] = []
        try:
            with closing(self._connect()) as connection:
                for start in range(0, len(keys), MOST_KEYS):
                    part = keys[start : start + MOST_KEYS]
                    marks = ",".join("?" * len(part))
                    found += connection.execute(
                        f"SELECT {columns} FROM features WHERE key IN ({marks})", part
                    )
        except (sqlite3.Error, OSError, ValueError) as error:
            self.readable = self.writable = False
            self._say("read", error)
        return found

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Which of the keys are stored."""
        return {key for key, _ in self._found("key, flag", keys)}

    def put(self, rows: Mapping[bytes, Row]) -> None:
        """Stores rows, all or none."""
        if not self.writable:
            return
        packed = [
            (key, int(flag), np.ascontiguousarray(vectors, dtype="<f4").tobytes())
            for key, (vectors, flag) in rows.items()
        ]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as connection, connection:
                connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?)", packed)
                self._make_room(connection)
        except (sqlite3.Error, OSError) as error:
            self.writable = False
            self._say("written", error)

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Drops the oldest eighth of a file that is too large; its pages take what comes next."""
        if self.most_bytes is None:
            return
        pages, free, size = (
            connection.execute(f"PRAGMA {what}").fetchone()[0]
            for what in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * size > self.most_bytes:
            connection.execute(
                "DELETE FROM features WHERE rowid <= "
                "(SELECT min(rowid) + (max(rowid) - min(rowid)) / 8 FROM features)"
            )

    def _connect(self) -> sqlite3.Connection:
        """A connection for one call: nothing is shared between threads or forks."""
        connection = sqlite3.connect(self.path, timeout=self.patience)
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS features "
                "(key BLOB PRIMARY KEY, flag INTEGER NOT NULL, vectors BLOB NOT NULL)"
            )
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _say(self, done: str, error: Exception) -> None:
        warnings.warn(
            f"the feature cache {self.path} could not be {done} ({error}); features are computed "
            "without it. Remove the file if it is damaged",
            RuntimeWarning,
            stacklevel=4,
        )
