"""Token-level text features from any encoder of keras-hub."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from keras_mer._extras import need
from keras_mer._quiet import quiet_start
from keras_mer.features._buckets import bucket
from keras_mer.features._cache import Row
from keras_mer.features._cached_texts import CachedTexts

PREFIX = "keras-hub "


class PresetTextEncoder(CachedTexts):
    """Turns texts into one vector per token, with a frozen encoder of keras-hub.

    The vectors are the encoder's last layer, in float32. Any preset will do that keras-hub
    can classify texts with: BERT, RoBERTa, XLM-RoBERTa, DeBERTa, ALBERT, ELECTRA, ... Its
    tokenizer, with its special tokens, and its weights are loaded, and downloaded if need be,
    when the first text has to be computed. keras-nlp's names are keras-hub's.

    Encoded texts are cached by content in `KERAS_MER_HOME/features`.

    Args:
        preset: a name such as `"roberta_base_en"`, a folder that `save_to_preset` wrote, or
            whatever else keras-hub's `from_preset` takes, such as `"hf://..."`.
        max_length: the most tokens of one text, the special ones among them. Longer texts lose
            their end.
        batch_size: how many texts are computed at once.
        cache: whether encoded texts are looked up and kept on disk.

    Attributes:
        specification: what the features are, for the metadata of a model.
        truncated: how many texts of the last `encode` filled `max_length`, and so may have been
            cut.

    Raises:
        ValueError: if an argument is out of range; at the first `encode`, if there is no such
            preset, or it does not encode texts.
        ImportError: at the first `encode`, if keras-hub is not installed.

    Example:
        ```python
        encoder = keras_mer.features.PresetTextEncoder("roberta_base_en")
        encoder.encode(["I loved it."])[0].shape  # (tokens, 768)
        ```
    """

    def __init__(
        self, preset: str, max_length: int = 128, batch_size: int = 32, cache: bool = True
    ) -> None:
        if max_length < 3 or batch_size < 1:
            raise ValueError(
                "`max_length` must be 3 or more and `batch_size` 1 or more; received "
                f"{max_length} and {batch_size}"
            )
        self.preset = str(preset)
        self.max_length = max_length
        self.batch_size = batch_size
        self.cache = cache
        self.truncated = 0
        self._named_dimension: int | None = None

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], cache: bool = True
    ) -> "PresetTextEncoder":
        """The encoder of a `specification`; what it leaves out is as by default.

        Raises:
            ValueError: if the features come from another extractor.
        """
        extractor = str(specification.get("extractor"))
        if not extractor.startswith(PREFIX):
            raise ValueError(f"text features by {extractor!r} are none of keras-hub's presets")
        length = int(specification.get("max_tokens", 128))
        encoder = cls(extractor.removeprefix(PREFIX), length, cache=cache)
        encoder._named_dimension = specification.get("dimension")
        return encoder

    @property
    def dimension(self) -> int:
        """The width of a vector; unless a specification named it, asking loads the encoder."""
        if self._named_dimension is not None:
            return self._named_dimension
        return int(_sequence(self._encoder[1].output).shape[-1])

    @property
    def specification(self) -> dict[str, Any]:
        """What the features are: equal specifications mean equal features."""
        return {
            "modality": "text",
            "extractor": f"{PREFIX}{self.preset}",
            "dimension": self.dimension,
            "max_tokens": self.max_length,
        }

    @cached_property
    def _encoder(self) -> tuple[Any, Any]:
        """keras-hub's preprocessor, which packs token ids, and the backbone."""
        with quiet_start():
            models = need("keras_hub.models", "text", "to encode text")
            try:
                packer = models.TextClassifierPreprocessor.from_preset(
                    self.preset, sequence_length=self.max_length
                )
                backbone = models.Backbone.from_preset(self.preset, dtype="float32")
                _sequence(backbone.output)
            except (ValueError, OSError) as error:
                raise ValueError(
                    f"keras-hub has no encoder of texts {self.preset!r}: expected the name of a "
                    f"preset such as roberta_base_en, or a folder of one ({error})"
                ) from error
        backbone.trainable = False
        return packer, backbone

    def _computed(self, texts: Sequence[str]) -> Iterator[dict[str, Row]]:
        order = sorted(texts, key=len)
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            vectors, lengths = self._forward(batch)
            yield {
                text: (vectors[row, :length], bool(length == self.max_length))
                for row, (text, length) in enumerate(zip(batch, lengths, strict=True))
            }

    def _forward(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of a batch, padded to one of few shapes, and the tokens of each text."""
        import keras

        packer, backbone = self._encoder
        # Rows beyond the batch are texts too: softmax needs something to weigh.
        count = min(bucket(len(texts)), self.batch_size)
        packed = packer([*texts, *[texts[0]] * (count - len(texts))])
        arrays = {name: np.array(keras.ops.convert_to_numpy(x)) for name, x in packed.items()}
        lengths = arrays["padding_mask"].astype(bool).sum(axis=1)
        length = min(bucket(int(lengths.max()), smallest=8), self.max_length)
        outputs = backbone.predict_on_batch({name: x[:, :length] for name, x in arrays.items()})
        return np.asarray(_sequence(outputs), dtype="float32"), lengths[: len(texts)]


def _sequence(output: Any) -> Any:
    """The vectors of the tokens among what a backbone gives."""
    if isinstance(output, Mapping):
        output = output.get("sequence_output")
    if output is None or len(output.shape) != 3:
        raise ValueError("its backbone gives no vector per token")
    return output
