"""Texts that are encoded once: what the encoders of text share."""

import hashlib
import json
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_mer._files import home
from keras_mer.features._cache import FeatureCache, Row

if TYPE_CHECKING:
    from keras_mer.data import Ragged

LONG_WORK = 256  # texts; below it a progress bar is more noise than news
MOST_BYTES = 4 * 2**30  # of one encoder's cache: some seventy thousand sentences


class CachedTexts(ABC):
    """An encoder of texts whose rows are cached on disk by specification and content.

    Attributes:
        cache: whether they are.
        truncated: how many texts of the last `encode` were too long.
    """

    cache: bool
    truncated: int

    @property
    @abstractmethod
    def dimension(self) -> int:
        """The width of a vector."""

    @property
    @abstractmethod
    def specification(self) -> dict[str, Any]:
        """What the features are: equal specifications mean equal features."""

    @abstractmethod
    def _computed(self, texts: Sequence[str]) -> Iterator[dict[str, Row]]:
        """The texts' rows, batch by batch, and whether each was too long."""

    def encode(self, texts: Sequence[str | None], progress: bool | None = None) -> "Ragged":
        """One `(word pieces, dimension)` float32 array per text.

        Args:
            texts: the texts. `None`, a missing text, gives no steps; an empty one
                gives those of the special tokens.
            progress: whether to show a progress bar on the standard error; `None`
                shows one for long work in a terminal.

        Raises:
            TypeError: if `texts` is a single string, or holds anything else than
                strings and `None`.
        """
        from keras_mer.data import Ragged

        texts = checked_texts(texts)
        keys = {text: self._key(text) for text in texts if text is not None}
        rows = self._cached.get(list(keys.values())) if self.cache else {}
        missing = [text for text, key in keys.items() if key not in rows]
        for batch in _with_progress(self._computed(missing), len(missing), progress):
            fresh = {keys[text]: row for text, row in batch.items()}
            if self.cache:
                self._cached.put(fresh)
            rows.update(fresh)
        flags = [text is not None and rows[keys[text]][1] for text in texts]
        self.truncated = sum(flags)
        none = np.zeros((0, self.dimension), dtype="float32")
        return Ragged.from_list(
            [none if text is None else rows[keys[text]][0] for text in texts],
            dim=self.dimension,
        )

    @cached_property
    def _cached(self) -> FeatureCache:
        extractor = re.sub(r"[^\w.-]+", "-", self.specification["extractor"])
        name = f"{extractor[-60:]}-{self._digest.hexdigest()[:16]}.sqlite3"
        return FeatureCache(home() / "features" / name, self.dimension, most_bytes=MOST_BYTES)

    @cached_property
    def _digest(self) -> "hashlib._Hash":
        return hashlib.sha256(json.dumps(self.specification, sort_keys=True).encode() + b"\n")

    def _key(self, text: str) -> bytes:
        digest = self._digest.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()


def checked_texts(texts: object) -> list[str | None]:
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise TypeError(
            f"expected a list of texts; received {type(texts).__name__}. "
            "Wrap a single text in a list"
        )
    texts = list(texts)
    for row, text in enumerate(texts):
        if text is not None and not isinstance(text, str):
            raise TypeError(
                f"row {row}: expected a text (str), or None for a missing one; "
                f"received {type(text).__name__}"
            )
    return texts


def _with_progress(
    batches: Iterator[dict[str, Row]], total: int, progress: bool | None
) -> Iterator[dict[str, Row]]:
    if progress is None:
        progress = total > LONG_WORK and sys.stderr is not None and sys.stderr.isatty()
    if not progress:
        yield from batches
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("encoding text", total=total)
        for batch in batches:
            bar.advance(task, len(batch))
            yield batch
