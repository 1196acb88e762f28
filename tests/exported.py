"""The matrix of exports, measured: the rows of docs/export.md.

`KERAS_BACKEND=torch PYTHONPATH=. python tests/exported.py docs/export.json` measures the cells of a
backend that the file has not yet; with `--page > docs/export.md` it makes the page of them.
"""

import json
import sys
import tempfile
import warnings
from pathlib import Path

import keras

from keras_mer.exporting._formats import BACKENDS, FORMATS, system_of, working_backends
from keras_mer.exporting._signature import signature_of
from keras_mer.exporting._writers import write
from keras_mer.exporting.export import difference
from keras_mer.models import CMMSF, MCIHN, MSRG, DeepMSIMER, DialogueModel, FoalNet

WIDTHS = {"text": 6, "audio": 5}


def tiny_models():
    """A maker of a small model of each system, by the name in the table."""
    small = {"latent_dim": 4, "hidden_units": 4, "num_heads": 2, "discriminator_units": [3]}
    deep = {"projection_units": 4, "hidden_units": [4]}
    return {
        "CMMSF": lambda: CMMSF(WIDTHS, units=4, num_heads=2),
        "MSRG": lambda: MSRG(
            WIDTHS,
            steps=4,
            encoder_units=3,
            encoder_depth=1,
            units=4,
            memory_units=3,
            state_units=3,
        ),
        "MCIHN": lambda: MCIHN(WIDTHS, **small),
        "FoalNet": lambda: FoalNet({"audio": 4, "video": 4}, num_heads=2, projection_units=4),
        "DeepMSIMER": lambda: DeepMSIMER({**WIDTHS, "video": 7}, outputs=4, filters=[4], **deep),
        "DialogueModel": lambda: DialogueModel(
            WIDTHS, "DeepMSIMER", deep, units=4, context_units=3, outputs=3
        ),
    }


def measured(model, format):
    """The largest difference on this backend, or the error."""
    known = FORMATS[format]
    signature = signature_of(model, *((None, None) if known.dynamic else (2, 7)))
    with tempfile.TemporaryDirectory() as work, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(work, f"model{known.suffix}")
        try:
            write(model, path, format, signature)
            return difference(model, path, format, signature)
        except Exception as error:  # what does not work is a figure too
            return f"{type(error).__name__}: {error}"[:300]


def fill(place):
    """Adds the cells of this backend that the file has not yet, and those that failed."""
    found = json.loads(place.read_text()) if place.exists() else {}
    here = found.setdefault(keras.backend.backend(), {})
    for name, make in tiny_models().items():
        keras.utils.set_random_seed(0)
        model = make()
        for format in FORMATS:
            works = keras.backend.backend() in working_backends(format, system_of(model))
            cell = f"{format} {name}"
            if works and not isinstance(here.get(cell), float):
                here[cell] = measured(model, format)
                print(cell, here[cell], file=sys.stderr, flush=True)
                place.write_text(json.dumps(found, indent=1))


def page(found):
    """docs/export.md."""
    lines = ["| format | from | " + " | ".join(tiny_models()) + " |"]
    lines.append("|---" * (2 + len(tiny_models())) + "|")
    systems = {name: system_of(make()) for name, make in tiny_models().items()}
    for format in FORMATS:
        for backend in BACKENDS:
            cells = [
                shown(found.get(backend, {}).get(f"{format} {name}"))
                if backend in working_backends(format, system)
                else "no"
                for name, system in systems.items()
            ]
            lines.append(f"| {format} | {backend} | {' | '.join(cells)} |")
    return HEAD + "\n".join(lines) + "\n"


def shown(figure):
    """A cell that works; one that was not measured says so."""
    return f"{figure:.0e}" if isinstance(figure, float) else "not measured"


HEAD = """# What is exported, and how closely

The largest difference of any output between Keras and the file in its own runtime (TensorFlow, ONNX
Runtime, OpenVINO in float32, LiteRT, PyTorch), of small models with fresh weights, on noise with
padding and missing modalities: 3 rows of 7 steps, 1 of 1 and 5 of 12, of which PyTorch traced the
model with the first; for `litert`, whose sizes are fixed, 2 of 7. `no` stands where
`keras_mer.export` refuses, and names the backends that work. DeepMSIMER reads features of frames
here, not frames, and DialogueModel stands around it.

Made by `tests/exported.py`, which says how, from the figures in docs/export.json.

"""


def main():
    place = Path(sys.argv[1])
    if "--page" in sys.argv:
        print(page(json.loads(place.read_text())), end="")
    else:
        fill(place)


if __name__ == "__main__":
    main()
