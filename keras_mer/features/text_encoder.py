"""Token-level text features from all-MiniLM-L6-v2."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from keras_mer.features import _minilm
from keras_mer.features._buckets import bucket
from keras_mer.features._cache import Row
from keras_mer.features._cached_texts import CachedTexts, checked_texts
from keras_mer.features.contractions import restore_contractions
from keras_mer.features.text_adapters import TextAdapters

POSITIONS = 512  # the longest sequence that the encoder has position embeddings for


class TextEncoder(CachedTexts):
    """Turns texts into one vector per word piece, with all-MiniLM-L6-v2, frozen or tuned.

    The vectors are the encoder's last layer, or several of its layers side by
    side, for `[CLS]`, every word piece and `[SEP]`, in float32, and the same on
    every backend to 1e-4. Texts are split into word pieces exactly as the encoder
    was trained on them: without accents, in lower case, Unicode white space as
    spaces, control characters left out. What looks like a special token, such as
    `[SEP]`, is read as text.

    The encoder is loaded when the first text has to be computed. Encoded texts
    are cached by content in `KERAS_MER_HOME/features` (about 1.5 kB a word
    piece and layer), so that encoding a data set again costs nothing.

    Args:
        folder: a folder with `config.json`, `model.safetensors` and `vocab.txt`.
            Without it: `KERAS_MER_MINILM`; an installed package that carries the
            files; the Hugging Face Hub. Each file's sha256 is checked.
        layers: which of the encoder's layers, 1 to 6, make up a vector. The last by default;
            the middle ones know more of wording, and help where the encoder stays frozen.
        contractions: whether to read "didnt" as "didn't", as `restore_contractions` does.
        max_length: the most word pieces of one text, `[CLS]` and `[SEP]` among
            them, 3 to 512. Longer texts lose their end; `truncated` counts them.
        batch_size: how many texts are computed at once.
        cache: whether encoded texts are looked up and kept on disk.
        pooling: `"mean"` gives one vector per text, the mean of its word pieces, as a row of
            one step; a thirtieth of the room, for models that read whole utterances.
        adapters: what tuning has changed in the encoder; the published one without it. It is
            added to the weights once, and costs nothing from then on.

    Attributes:
        specification: what the features are, for the metadata of a model.
        truncated: how many texts of the last `encode` were longer than `max_length`.

    Raises:
        ValueError: if an argument is out of range, or a file is not the published one.
        FileNotFoundError: at the first `encode`, if the encoder is nowhere to be found.
        ImportError: at the first `encode`, if keras-hub is not installed.

    Example:
        ```python
        encoder = keras_mer.features.TextEncoder()
        features = encoder.encode(["I loved it.", "It was far too long."])
        features[0].shape  # (6, 384): [CLS] i loved it . [SEP]
        ```

    Reference:
        Wang et al., "MiniLM", NeurIPS 2020; Reimers and Gurevych, "Sentence-BERT",
        EMNLP 2019, whose authors tuned and published the weights.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        layers: Iterable[int] = (_minilm.LAYERS,),
        contractions: bool = False,
        max_length: int = 128,
        batch_size: int = 64,
        cache: bool = True,
        adapters: TextAdapters | None = None,
        pooling: Literal["mean"] | None = None,
    ) -> None:
        if not 3 <= max_length <= POSITIONS:
            raise ValueError(f"`max_length` must be 3 to {POSITIONS}; received {max_length}")
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be 1 or more; received {batch_size}")
        self.layers = sorted(set(layers))
        if not self.layers or not set(self.layers) <= set(range(1, _minilm.LAYERS + 1)):
            raise ValueError(
                f"`layers` must be among 1 to {_minilm.LAYERS}; received {list(layers)}"
            )
        if pooling not in (None, "mean"):
            raise ValueError(f'`pooling` must be "mean" or None; received {pooling!r}')
        self.pooling = pooling
        self.contractions = contractions
        self.folder = folder
        self.max_length = max_length
        self.batch_size = batch_size
        self.cache = cache
        self.adapters = adapters
        self.truncated = 0

    @classmethod
    def from_specification(
        cls,
        specification: Mapping[str, Any],
        folder: str | Path | None = None,
        cache: bool = True,
        adapters: TextAdapters | None = None,
    ) -> "TextEncoder":
        """The encoder of a `specification`; what it leaves out is as by default.

        Raises:
            ValueError: if the features come from another extractor, or from adapters
                that are not the ones given.
        """
        extractor = specification.get("extractor", _minilm.NAME)
        if extractor != _minilm.NAME:
            raise ValueError(f"text features by {extractor!r} are none of {_minilm.NAME}")
        named, given = specification.get("adapters"), adapters and adapters.digest
        if named not in (None, given):
            raise ValueError(
                f"the text features come from an encoder with the adapters {named}; "
                f"received {given or 'none'}"
            )
        return cls(
            folder,
            layers=specification.get("layers", (_minilm.LAYERS,)),
            contractions=specification.get("contractions", False),
            max_length=int(specification.get("max_tokens", 128)),
            cache=cache,
            adapters=adapters,
            pooling=specification.get("pooling"),
        )

    @property
    def dimension(self) -> int:
        """The width of a vector."""
        return _minilm.DIMENSION * len(self.layers)

    @property
    def specification(self) -> dict[str, Any]:
        """What the features are: equal specifications mean equal features."""
        tuned = {} if self.adapters is None else {"adapters": self.adapters.digest}
        pooled = {} if self.pooling is None else {"pooling": self.pooling}
        return {
            "modality": "text",
            "extractor": _minilm.NAME,
            "dimension": self.dimension,
            "layers": self.layers,
            "contractions": self.contractions,
            "special_tokens": ["[CLS]", "[SEP]"],
            "max_tokens": self.max_length,
            "sha256": dict(_minilm.FILES),
            **pooled,
            **tuned,
        }

    def tokens(self, texts: Sequence[str | None]) -> list[list[str]]:
        """What stands at each step that `encode` makes of the texts.

        Args:
            texts: as for `encode`.

        Returns:
            Per text the word pieces from `[CLS]` to `[SEP]`, as many as there are steps: after
            the contractions are restored, in lower case, cut to `max_length`. A piece that
            continues a word starts with `##`. A text that is pooled is one piece, itself; a
            missing one has none.

        Example:
            ```python
            keras_mer.features.TextEncoder().tokens(["I loved it."])
            # [["[CLS]", "i", "loved", "it", ".", "[SEP]"]]
            ```
        """
        texts = checked_texts(texts)
        if self.pooling is not None:
            return [[] if text is None else [text] for text in texts]
        tokenizer, _ = self._encoder
        pieces = iter(self._word_pieces([text for text in texts if text is not None]))
        return [[] if text is None else self._shown(next(pieces), tokenizer) for text in texts]

    def _shown(self, pieces: Sequence[int], tokenizer: Any) -> list[str]:
        kept = [tokenizer.id_to_token(piece) for piece in pieces[: self.max_length - 2]]
        return ["[CLS]", *kept, "[SEP]"]

    def _computed(self, texts: Sequence[str]) -> Iterator[dict[str, Row]]:
        """The texts' rows, batch by batch, the shortest texts first."""
        if not texts:
            return
        pieces = self._word_pieces(texts)
        order = sorted(range(len(texts)), key=lambda index: len(pieces[index]))
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            kept = [pieces[index][: self.max_length - 2] for index in batch]
            vectors = self._forward(kept)
            yield {
                texts[index]: (
                    self._row(vectors[row, : len(ids) + 2]),
                    len(ids) < len(pieces[index]),
                )
                for row, (index, ids) in enumerate(zip(batch, kept, strict=True))
            }

    def _row(self, vectors: np.ndarray) -> np.ndarray:
        return vectors if self.pooling is None else vectors.mean(axis=0, keepdims=True)

    def _word_pieces(self, texts: Sequence[str]) -> list[list[int]]:
        tokenizer, _ = self._encoder
        if self.contractions:
            texts = [restore_contractions(text) for text in texts]
        return [[int(piece) for piece in ids] for ids in tokenizer([_plain(t) for t in texts])]

    def _forward(self, pieces: Sequence[Sequence[int]]) -> np.ndarray:
        """The vectors of a batch, padded to one of few shapes."""
        tokenizer, network = self._encoder
        longest = max(len(ids) for ids in pieces) + 2
        length = min(bucket(longest, smallest=8), self.max_length)
        count = min(bucket(len(pieces)), self.batch_size)
        # Rows beyond the batch hold one real step: softmax needs something to weigh.
        ids = np.full((count, length), tokenizer.pad_token_id, dtype="int32")
        ids[:, 0] = tokenizer.cls_token_id
        lengths = np.ones(count, dtype="int32")
        for row, own in enumerate(pieces):
            ids[row, 1 : len(own) + 1] = own
            ids[row, len(own) + 1] = tokenizer.sep_token_id
            lengths[row] = len(own) + 2
        outputs = network.predict_on_batch(
            {
                "token_ids": ids,
                "segment_ids": np.zeros_like(ids),
                "padding_mask": (np.arange(length) < lengths[:, None]).astype("int32"),
            }
        )
        return np.asarray(outputs, dtype="float32")[: len(pieces)]

    @cached_property
    def _encoder(self) -> tuple[Any, Any]:
        tokenizer, backbone = _minilm.load_minilm(_minilm.find_minilm(self.folder))
        import keras  # imported above already, and there without TensorFlow's chatter

        if self.adapters is not None:
            _minilm.add_to_kernels(backbone, self.adapters.deltas())
        outputs = [_minilm.block(backbone, layer).output for layer in self.layers]
        return tokenizer, keras.Model(backbone.input, keras.ops.concatenate(outputs, axis=-1))


def _plain(text: str) -> str:
    """The text as the encoder's training saw it, but for its splitting into word pieces."""
    shown = (
        character
        for character in text
        if character.isspace()
        or (unicodedata.category(character)[0] != "C" and character != "\N{REPLACEMENT CHARACTER}")
    )
    decomposed = unicodedata.normalize("NFD", " ".join("".join(shown).split()))
    # Letter by letter: the lower case of a whole word knows a final sigma, the encoder does not.
    return "".join(
        character.lower() for character in decomposed if unicodedata.category(character) != "Mn"
    )
