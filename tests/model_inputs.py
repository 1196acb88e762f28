"""Inputs of models, and the same inputs with other content where nothing is real."""

import numpy as np


def random_clips(rng, rows, widths, times):
    """Noise in rows of 1 to `times[modality]` real steps, drawn for each modality."""
    arrays = {}
    for m, width in widths.items():
        lengths = rng.integers(1, times[m] + 1, size=(rows, 1))
        arrays[m] = rng.normal(size=(rows, times[m], width)).astype("float32")
        arrays[f"{m}_mask"] = np.arange(times[m]) < lengths
    return arrays


def spoil(arrays, value=np.nan):
    """The inputs with `value` at every step that is masked."""
    spoiled = dict(arrays)
    for name, x in arrays.items():
        if x.dtype != bool:
            spoiled[name] = x.copy()
            spoiled[name][~arrays[f"{name}_mask"]] = value
    return spoiled


def lengthen(arrays, steps, value=0.0):
    """The inputs with more steps, all masked, that hold `value`."""
    longer = {}
    for name, x in arrays.items():
        added = [(0, 0), (0, steps), *[(0, 0)] * (x.ndim - 2)]
        longer[name] = np.pad(x, added, constant_values=False if x.dtype == bool else value)
    return longer
