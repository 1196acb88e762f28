"""The test part scored again for the card of an entry, without training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_mer import metrics, zoo
from keras_mer._quiet import quiet_start
from keras_mer.data import Dataset
from keras_mer.training.card_figures import card_figures, card_pictures
from keras_mer.training.entry_data import entry_data
from keras_mer.training.predicted import PREDICTIONS, Predicted
from keras_mer.training.prepare import complete
from keras_mer.training.recipe import Recipe
from keras_mer.zoo.entry import RECIPE
from keras_mer.zoo.refresh import sound_metadata

# Another backend or processor may turn the scale for a clip or two, and no more.
TOLERANCE = 0.005


def score_card(
    folder: str | Path,
    *,
    data: str | Path | Dataset | None = None,
    runs: str | Path | None = None,
    progress: bool = False,
) -> Path:
    """Writes the card of an entry anew, with figures of its classes and of its calibration.

    They come from the predictions that `train_seeds` has kept of every seed, or, where those
    are gone, from the published weights on the data: then they are of the published seed
    alone, and the card says so. The other figures of the card stay, and are checked.

    Args:
        folder: of the entry, as in `keras_mer.zoo.refresh_card`.
        data: what its recipe reads, as in `train`.
        runs: the folder that `train_seeds` has written.
        progress: whether to show the progress of the encoding of texts.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: if there is no entry, or no run of one of its seeds.
        ValueError: unless one of `data` and `runs` is given; if the predictions do not have
            the figures that the card gives their seed.

    Example:
        ```python
        keras_mer.training.score_card("zoo/cmmsf_emodb", data="EMODB")
        ```
    """
    folder = Path(folder).expanduser()
    if (data is None) == (runs is None):
        raise ValueError(
            "score_card takes either data, to score the published weights, or runs, with the "
            f"predictions of every seed; received data={data!r}, runs={runs!r}"
        )
    metadata = sound_metadata(folder)
    if missing := [f for f in ("published_seed", "seeds", "protocol") if f not in metadata]:
        raise ValueError(
            f"the metadata of {folder} lacks {', '.join(missing)}: scored are the entries that "
            "keras_mer.training.publish has made"
        )
    if data is not None:
        with quiet_start():  # Keras looks for TensorFlow on every backend when it reads a model
            model = zoo.load(folder)
        seed = metadata["published_seed"]
        dataset = complete(entry_data(folder, data, progress), model.config["features"])
        predicted = {seed: Predicted.of(model, dataset)}
        source = "--data DIR"
    else:
        predicted = _kept(Path(str(runs)).expanduser(), metadata["seeds"])
        source = "--runs DIR"
    for seed, each in predicted.items():
        _check(metadata, seed, each)
    classes = metadata.get("task") == "classification"
    part = card_figures(predicted, metadata.get("label_names"), classes)
    part["command"] = f"keras-mer card zoo/{metadata['name']} --refresh {source}"
    folds = Recipe.read(folder / RECIPE).data["folds"]
    fields = {**({"folds": folds} if folds else {}), "test_part": part}
    with card_pictures(predicted, part, metadata["name"]) as pictures:
        return zoo.refresh_card(folder, fields, pictures)


def _kept(folder: Path, seeds: list[int]) -> dict[int, Predicted]:
    paths = {seed: folder / f"seed_{seed}" / PREDICTIONS for seed in seeds}
    if missing := [str(path) for path in paths.values() if not path.exists()]:
        raise FileNotFoundError(
            f"no {', '.join(missing)}: train_seeds writes them for every seed; with data= the "
            "published weights are scored instead"
        )
    return {seed: Predicted.read(path) for seed, path in paths.items()}


def _check(metadata: Mapping[str, Any], seed: int, predicted: Predicted) -> None:
    """Refuses predictions that are not of the run that the card tells of."""
    found = metrics.report(predicted.labels, predicted.predictions, metadata["protocol"])
    place = metadata["seeds"].index(seed)
    for name, value in found.items():
        given = metadata["metrics"].get(name)
        values = given.get("values", [given["mean"]]) if given else []
        if len(values) == len(metadata["seeds"]) and abs(value - values[place]) > TOLERANCE:
            raise ValueError(
                f"the predictions of seed {seed} have a {name} of {value:.4f}; the card "
                f"says {values[place]:.4f}: give the data or the runs that its figures come from"
            )
