"""Padding, and batches of rows that are about equally long."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from threading import Lock
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_mer.data.ragged import Ragged
from keras_mer.layers._modalities import in_order

MOST_BUCKETS = 8
FEWEST_BATCHES_PER_BUCKET = 4


def pad(
    rows: Ragged | Sequence[Any], length: int | None = None, dim: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Right-pads rows of different lengths with zeros.

    Args:
        rows: a `Ragged`, or a list of (time, dim) arrays.
        length: how many steps to pad to; longer rows lose their last steps. The longest row
            by default, and at least one.
        dim: the width, where a list holds missing rows alone.

    Returns:
        The values (n, length, dim) float32 and the mask (n, length) bool, True at a real
        step. A missing row is zeros with a mask that is False throughout.

    Example:

    >>> values, mask = pad([[[1.0], [2.0]], [[3.0]]])
    >>> values[..., 0].tolist(), mask.tolist()
    ([[1.0, 2.0], [3.0, 0.0]], [[True, True], [True, False]])
    """
    if not isinstance(rows, Ragged):
        rows = Ragged.from_list(rows, dim)
    if dim is not None and rows.dim != dim:
        raise ValueError(f"the rows are {rows.dim} wide; expected {dim}")
    if length is None:
        length = max(int(rows.lengths.max(initial=0)), 1)
    if length < 1:
        raise ValueError(f"length must be 1 or more; received {length}")
    return rows.padded(length)


def padded_inputs(
    features: Mapping[str, Ragged],
    lengths: Mapping[str, int],
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, np.ndarray]:
    """The inputs of a model: `text`, `text_mask`, ..., padded to the length of each modality.

    The steps of a modality in `shapes` get that shape, such as (height, width, channels).
    """
    inputs = {}
    for modality, rows in in_order(features).items():
        values, mask = pad(rows, lengths[modality])
        shape = (shapes or {}).get(modality, values.shape[2:])
        inputs[modality] = values.reshape(*values.shape[:2], *shape)
        inputs[f"{modality}_mask"] = mask
    return inputs


class Bucket(NamedTuple):
    """Rows that are padded alike."""

    rows: np.ndarray
    lengths: tuple[int, ...]


class Batches(keras.utils.PyDataset):
    """Batches of a split, for `fit`, `evaluate` and `predict` on every backend.

    Unshuffled batches keep the order of the rows and share one padded length, unless they are
    asked to be `by_length`. Shuffled ones hold rows of similar length: the rows fall into at
    most eight buckets, each padded to one length per modality, so that the same few shapes come
    back in every epoch and nothing is traced anew. A shuffled order follows from `seed` and
    `epoch` alone.

    `fit` itself reorders batches unless told otherwise: pass `shuffle=False` to it, and give a
    resumed run both `initial_epoch` and the attribute `epoch`, to see the very batches of an
    uninterrupted one.

    Args:
        features: the rows of each modality.
        labels: (n, ...) the label of each row.
        batch_size: rows per batch. The last batch may be smaller; it is not dropped.
        shuffle: whether to draw a new order in every epoch.
        seed: what the order follows from, beside the epoch.
        max_length: steps beyond it are cut off.
        bucket: whether shuffled batches hold rows of similar length. Otherwise all are padded
            to the longest row.
        round_to: padded lengths are multiples of it, as far as the longest row allows.
        sample_weights: (n,) the weight of each row, returned as the third part of a batch.
        workers: threads that make the next batches while the model is busy with this one;
            the batches are the same. They serve rows that lie in a file. Keras's own workers,
            which are not used, show a model some batches of its first epoch twice and others
            not at all.
        max_queue_size: how many batches the workers may be ahead.
        shapes: per modality the shape of a step, such as (height, width, channels) of frames
            that are rows of numbers in `features`.
        by_length: whether unshuffled batches hold rows of similar length too, which spares a
            prediction most of the padding. `in_order` puts its results in the rows' order.
        exchange: per modality the share of the rows of shuffled batches, from 0 to 1, that have
            it from any other row, drawn anew in every epoch. What a modality tells of the
            label is then mostly wrong, but it is there: a model learns to expect little of
            it, where hiding it teaches that it is seldom there at all.

    Output:
        `batches[i]` is `(inputs, labels)`, with inputs such as `text` (batch, time, dim)
        float32 and `text_mask` (batch, time) bool.

    Example:

    >>> rows = Ragged.from_list([[[1.0]], [[2.0], [3.0]], [[4.0]]])
    >>> batches = Batches({"text": rows}, [0, 1, 0], batch_size=2)
    >>> len(batches), batches[0][0]["text"].shape
    (2, (2, 2, 1))
    """

    def __init__(
        self,
        features: Mapping[str, Ragged],
        labels: Any,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        max_length: int | None = None,
        bucket: bool = True,
        round_to: int = 8,
        sample_weights: Any = None,
        workers: int = 0,
        max_queue_size: int = 4,
        shapes: Mapping[str, Sequence[int]] | None = None,
        by_length: bool = False,
        exchange: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(max_queue_size=max_queue_size)
        self.features = in_order(features)
        self.exchange = exchanged_shares(exchange, self.features)
        self.shapes = dict(shapes or {})
        self.labels = np.asarray(labels)
        self.sample_weights = (
            None if sample_weights is None else np.asarray(sample_weights, "float32")
        )
        for name, value in (
            ("batch_size", batch_size),
            ("round_to", round_to),
            ("max_queue_size", max_queue_size),
        ):
            if value < 1:
                raise ValueError(f"{name} must be 1 or more; received {value}")
        if max_length is not None and max_length < 1:
            raise ValueError(f"max_length must be 1 or more; received {max_length}")
        if workers < 0:
            raise ValueError(f"workers must be 0 or more; received {workers}")
        self._check_rows()
        self._ahead = _Ahead(workers, max_queue_size)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        lengths = np.stack([rows.lengths for rows in self.features.values()], axis=1)
        if max_length is not None:
            lengths = np.minimum(lengths, max_length)
        alike = bucket if shuffle else by_length
        # Shuffled batches need a bucket to be shuffled in.
        fewest = FEWEST_BATCHES_PER_BUCKET if shuffle else 1
        self._buckets = buckets(lengths, batch_size if alike else None, round_to, fewest)
        self._begun = False
        self._served: set[int] = set()
        self.epoch = 0

    def _check_rows(self) -> None:
        counts = {name: len(rows) for name, rows in self.features.items()}
        counts["labels"] = len(self.labels)
        if self.sample_weights is not None:
            counts["sample_weights"] = len(self.sample_weights)
        if len(counts) < 2 or len(set(counts.values())) != 1 or not len(self.labels):
            found = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise ValueError(
                f"Batches expects one or more modalities with as many rows as labels, and at "
                f"least one row; received {found}"
            )

    @property
    def epoch(self) -> int:
        """The epoch whose order the batches have. `on_epoch_end` advances it."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = int(epoch)
        self._served.clear()
        self._plan = self._planned()

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        index = range(len(self))[index]
        if self._begun:
            self._served.add(index)
        return self._ahead.get(self._batch, self._plan, index)

    def _batch(self, bucket: Bucket) -> tuple[Any, ...]:
        rows, lengths = bucket
        features = {
            name: ragged.take(chosen)
            for (name, ragged), chosen in zip(
                self.features.items(), self._exchanged(rows), strict=True
            )
        }
        inputs = padded_inputs(features, dict(zip(features, lengths, strict=True)), self.shapes)
        if self.sample_weights is None:
            return inputs, self.labels[rows]
        return inputs, self.labels[rows], self.sample_weights[rows]

    def _exchanged(self, rows: np.ndarray) -> list[np.ndarray]:
        """Of each modality, the rows that a batch has it from."""
        if not (self.shuffle and self.exchange):
            return [rows] * len(self.features)
        generator = self._generator(rows)
        draws = [generator.random(len(rows)) for _ in self.features]
        others = [generator.integers(len(self.labels), size=len(rows)) for _ in self.features]
        return [
            np.where(draw < self.exchange.get(name, 0), other, rows)
            for name, draw, other in zip(self.features, draws, others, strict=True)
        ]

    def _generator(self, rows: np.ndarray) -> np.random.Generator:
        """Of a batch, and not of the order in which threads make them."""
        return np.random.default_rng([self.seed, self._epoch, int(rows[0])])

    def on_epoch_begin(self) -> None:
        """Called by Keras before an epoch."""
        self._begun = True

    def on_epoch_end(self) -> None:
        """Moves on to the next epoch, once all batches of this one were served.

        Keras also calls this while it prepares `fit`, when no or one batch has been seen.
        """
        complete = len(self._served) == len(self)
        if self._begun and complete:
            self.epoch += 1
        self._begun = False

    def in_order(self, outputs: Any) -> np.ndarray:
        """What a model made of all batches of this epoch, in the order of the rows.

        Args:
            outputs: (n, ...), of the batches one after another.
        """
        outputs = np.asarray(outputs)
        found = np.empty_like(outputs)
        found[np.concatenate([batch.rows for batch in self._plan])] = outputs
        return found

    def _planned(self) -> list[Bucket]:
        """The batches of this epoch, in order."""
        if not self.shuffle or len(self.labels) <= self.batch_size:
            return self._begun_with_extremes(_cut(self._buckets, self.batch_size))
        generator = np.random.default_rng([self.seed, self._epoch])
        drawn = [Bucket(generator.permutation(rows), length) for rows, length in self._buckets]
        batches = _cut(drawn, self.batch_size)
        whole = len(self.labels) // self.batch_size
        return self._begun_with_extremes(
            [batches[i] for i in generator.permutation(whole)] + batches[whole:]
        )

    def _begun_with_extremes(self, plan: list[Bucket]) -> list[Bucket]:
        """The plan with one of the shortest batches first and one of the longest second.

        On TensorFlow, Keras takes the dimensions that the first two batches share for fixed.
        """
        for place, bucket in enumerate((self._buckets[0], self._buckets[-1])):
            if len(self._buckets) > 1:
                found = next(i for i, batch in enumerate(plan) if batch.lengths == bucket.lengths)
                plan[place], plan[found] = plan[found], plan[place]
        return plan


class _Ahead:
    """Makes the batches after the one that is asked for, in threads of its own."""

    def __init__(self, workers: int, most: int) -> None:
        self.workers = workers
        self.most = most
        self._plan: Sequence[Bucket] = ()
        self._made: dict[int, Future[Any]] = {}
        self._lock = Lock()  # TensorFlow asks from a thread, and maybe still from the one before

    def get(self, make: Callable[[Bucket], Any], plan: Sequence[Bucket], index: int) -> Any:
        """Batch `index` of the plan, with the next ones under way."""
        if not self.workers:
            return make(plan[index])
        wanted = range(index, min(index + 1 + self.most, len(plan)))
        with self._lock:
            known = self._made if plan is self._plan else {}
            self._plan = plan
            self._made = {
                place: known.get(place) or self._threads.submit(make, plan[place])
                for place in wanted
            }
            made = self._made.pop(index)
        return made.result()

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.workers, "keras-mer-batches")

    def __reduce__(self) -> tuple[Any, ...]:
        return _Ahead, (self.workers, self.most)


def exchanged_shares(exchange: Any, modalities: Collection[str]) -> dict[str, float]:
    """The share of each modality's rows that are exchanged.

    Raises:
        ValueError: if a modality is not there, or something is no share.
    """
    if not isinstance(exchange or {}, Mapping):
        raise ValueError(
            f"exchange must be a share by modality, such as audio = 0.9; received {exchange!r}"
        )
    shares = dict(exchange or {})
    for name, share in shares.items():
        if name not in modalities:
            raise ValueError(f"exchange names {name!r}; the modalities are {', '.join(modalities)}")
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise ValueError(f"exchange of {name} must be a share from 0 to 1; received {share!r}")
    return shares


def _cut(buckets: list[Bucket], batch_size: int) -> list[Bucket]:
    return [
        Bucket(rows[start : start + batch_size], lengths)
        for rows, lengths in buckets
        for start in range(0, len(rows), batch_size)
    ]


def buckets(
    lengths: np.ndarray,
    batch_size: int | None,
    round_to: int,
    fewest: int = FEWEST_BATCHES_PER_BUCKET,
) -> list[Bucket]:
    """Rows from short to long, in buckets of whole batches; the last holds what is left over.

    The padded lengths of a bucket are nowhere smaller than those of the one before, so a
    modality that is ever padded differently is so in the first and the last bucket.

    Args:
        lengths: (n, modalities) int, the steps of each row.
        batch_size: None for a single bucket with the rows in their own order.
        round_to: padded lengths are multiples of it, as far as the longest row allows.
        fewest: batches that a bucket has at least.
    """
    longest = np.maximum(lengths.max(axis=0), 1)
    if batch_size is None:
        return [Bucket(np.arange(len(lengths)), tuple(longest.tolist()))]
    order = np.argsort((lengths / longest).sum(axis=1), kind="stable")
    batches = -(-len(lengths) // batch_size)
    count = min(max(batches // fewest, 1), MOST_BUCKETS)
    edges = np.arange(1, count) * batches // count * batch_size
    found: list[Bucket] = []
    padded = np.ones_like(longest)
    for rows in np.split(order, edges):
        padded = np.maximum(padded, lengths[rows].max(axis=0))
        shape = tuple(np.minimum(-(-padded // round_to) * round_to, longest).tolist())
        if found and found[-1].lengths == shape:
            found[-1] = Bucket(np.concatenate([found[-1].rows, rows]), shape)
        else:
            found.append(Bucket(rows, shape))
    return found
