"""Batches of whole dialogues, a step per utterance."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from keras_mer.data.batching import Batches, Bucket, pad
from keras_mer.data.ragged import Ragged


class DialogueBatches(Batches):
    """Batches whose rows are dialogues and whose steps are utterances.

    A modality of several steps counts as their mean, unless it is named in `steps`. The order
    of the dialogues, buckets of similar length and threads are those of `Batches`.

    Args:
        features: the rows of each modality, one per utterance.
        labels: (n,) or (n, k), the label of each utterance.
        dialogues: (n,) the name of each utterance's dialogue.
        positions: (n,) numbers that order the utterances of a dialogue; by default they are
            in order.
        batch_size: dialogues per batch.
        sample_weights: (n,) the weight of each utterance, by which its own is multiplied.
        labelled: (n,) bool, False where an utterance has no label and is there to be read alone.
        steps: the modalities that keep their steps: (batch, utterances, time, dim), with a mask
            (batch, utterances, time).
        **options: `shuffle`, `seed`, `bucket`, `round_to`, `workers`, `max_queue_size` and
            `exchange`, of single utterances, as for `Batches`.

    Output:
        `batches[i]` is `(inputs, labels, weights)`: inputs such as `text` (batch, utterances,
        dim) float32 and `text_mask` (batch, utterances) bool; labels (batch, utterances, k),
        zeros after the end of a dialogue and where there is none; and weights (batch,
        utterances) float32, 0 there and elsewhere such that a loss is the mean over the
        utterances that have a label.

    Example:

    >>> import numpy as np
    >>> rows = Ragged.from_list(np.arange(6.0).reshape(3, 2))
    >>> batches = DialogueBatches({"text": rows}, [0, 1, 1], ["a", "b", "a"], batch_size=2)
    >>> inputs, labels, weights = batches[0]
    >>> inputs["text"][..., 0].tolist(), labels[..., 0].tolist()
    ([[0.0, 4.0], [2.0, 0.0]], [[0, 1], [1, 0]])
    """

    def __init__(
        self,
        features: Mapping[str, Ragged],
        labels: Any,
        dialogues: Any,
        positions: Any = None,
        batch_size: int = 8,
        sample_weights: Any = None,
        labelled: Any = None,
        steps: Collection[str] = (),
        **options: Any,
    ) -> None:
        weights = np.ones(len(labels)) if sample_weights is None else np.asarray(sample_weights)
        self._weights = weights.astype("float32")
        self._labelled = np.ones(len(labels), "bool") if labelled is None else np.asarray(labelled)
        self._order, offsets = in_dialogues(dialogues, positions)
        labels = np.asarray(labels)
        self._labels = labels.reshape(len(labels), -1)
        vectors, self._there = {}, {}
        for modality, rows in features.items():
            means, there = _means(rows.take(self._order))
            vectors[modality] = Ragged(means, offsets)
            self._there[modality] = Ragged(there[:, None], offsets)
        self._numbers = Ragged(np.arange(len(self._order))[:, None], offsets)
        self._steps = {m: features[m].take(self._order) for m in steps}
        self._round_to = options.get("round_to", 8)
        super().__init__(vectors, np.arange(len(offsets) - 1), batch_size, **options)
        if both := sorted(self._steps.keys() & self.exchange.keys()):
            raise ValueError(
                f"{', '.join(both)} cannot keep its steps and be exchanged: leave it out of one"
            )

    def utterances(self, predictions: Any) -> np.ndarray:
        """What was predicted for each utterance, in the order in which they were given.

        Args:
            predictions: (dialogues, utterances, k), for all dialogues in order. There may be
                more of both, which are left out.

        Returns:
            (n, k).
        """
        predictions = np.asarray(predictions)[: len(self._numbers)]
        _, there = self._numbers.padded(predictions.shape[1])
        found = np.empty((len(self._order), predictions.shape[-1]), predictions.dtype)
        found[self._order] = predictions[there]
        return found

    def _planned(self) -> list[Bucket]:
        """The batches of this epoch, each with the steps that its own utterances need."""
        plan = super()._planned()
        if not self._steps:
            return plan
        plan = [Bucket(rows, lengths + self._longest(rows)) for rows, lengths in plan]
        if len(plan) > 1:
            # On TensorFlow, Keras takes the dimensions that these two share for fixed.
            (_, first), (rows, second) = plan[:2]
            vectors = len(self.features)
            more = tuple(
                n + self._round_to * (n == other)
                for n, other in zip(second[vectors:], first[vectors:], strict=True)
            )
            plan[1] = Bucket(rows, second[:vectors] + more)
        return plan

    def _longest(self, dialogues: np.ndarray) -> tuple[int, ...]:
        """The steps of the longest utterance of some dialogues, rounded up, by modality."""
        numbers = self._numbers.take(dialogues).values[:, 0].astype("int64")
        longest = (rows.take(numbers).lengths.max() for rows in self._steps.values())
        return tuple(-(-max(int(n), 1) // self._round_to) * self._round_to for n in longest)

    def _batch(self, bucket: Bucket) -> tuple[Any, ...]:
        vectors = len(self.features)
        inputs, chosen = super()._batch(Bucket(bucket.rows, bucket.lengths[:vectors]))
        for modality, there in self._there.items():
            length = inputs[modality].shape[1]
            inputs[f"{modality}_mask"] &= pad(there.take(chosen), length)[0][..., 0] > 0
        numbers, real = pad(self._numbers.take(chosen), length)
        self._exchange_utterances(inputs, real, chosen)
        self._give_steps(inputs, numbers[..., 0].astype("int64"), real, bucket.lengths[vectors:])
        places = self._order[numbers[..., 0].astype("int64")]
        real &= self._labelled[places]
        labels = np.where(real[..., None], self._labels[places], 0).astype(self._labels.dtype)
        weights = real * (real.size / max(real.sum(), 1)) * self._weights[places]
        return inputs, labels, weights.astype("float32")

    def _give_steps(
        self, inputs: dict[str, Any], numbers: np.ndarray, real: np.ndarray, times: Sequence[int]
    ) -> None:
        for (modality, rows), time in zip(self._steps.items(), times, strict=True):
            values = np.zeros((*real.shape, time, rows.dim), "float32")
            mask = np.zeros((*real.shape, time), "bool")
            values[real], mask[real] = rows.take(numbers[real]).padded(time)
            inputs[modality], inputs[f"{modality}_mask"] = values, mask

    def _exchanged(self, rows: np.ndarray) -> list[np.ndarray]:
        """No dialogue has another's: their utterances are exchanged one by one."""
        return [rows] * len(self.features)

    def _exchange_utterances(
        self, inputs: dict[str, np.ndarray], real: np.ndarray, dialogues: np.ndarray
    ) -> None:
        if not (self.shuffle and self.exchange):
            return
        generator = self._generator(dialogues)
        for modality, rows in self.features.items():
            drawn = real & (generator.random(real.shape) < self.exchange.get(modality, 0))
            other = generator.integers(len(self._order), size=int(drawn.sum()))
            inputs[modality][drawn] = rows.values[other]
            inputs[f"{modality}_mask"][drawn] = self._there[modality].values[other, 0] > 0


def in_dialogues(dialogues: Any, positions: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """The rows of each dialogue in turn, dialogues in the order in which they first occur.

    Returns:
        The row numbers (n,) and offsets (dialogues + 1,): dialogue `i` is
        `rows[offsets[i]:offsets[i + 1]]`.
    """
    names, first, which = np.unique(np.asarray(dialogues), return_index=True, return_inverse=True)
    rank = np.empty(len(names), "int64")
    rank[np.argsort(first)] = np.arange(len(names))
    dialogue = rank[which]
    positions = np.arange(len(dialogue)) if positions is None else np.asarray(positions)
    order = np.lexsort((positions, dialogue))
    return order, np.concatenate([[0], np.cumsum(np.bincount(dialogue))])


def _means(rows: Ragged) -> tuple[np.ndarray, np.ndarray]:
    """The mean (n, dim) of each row's steps, zeros without any, and which rows have some."""
    there = rows.lengths > 0
    means = np.zeros((len(rows), rows.dim), "float32")
    if there.any():
        sums = np.add.reduceat(rows.values, rows.offsets[:-1][there], axis=0)
        means[there] = sums / rows.lengths[there, None]
    return means, there
