"""A recipe as an entry of the zoo, where the data that it needs may not be passed on."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from keras_mer import zoo
from keras_mer.data import Preprocessor
from keras_mer.training.recipe import Recipe
from keras_mer.training.train import build_model
from keras_mer.zoo.about import about_entry
from keras_mer.zoo.entry import RECIPE
from keras_mer.zoo.needs import check_needs

DATA = "data.toml"


def publish_recipe(folder: str | Path, **about: Any) -> Path:
    """Writes the folder of a recipe as an entry without weights.

    `load` then says what to get, from whom, and which command trains the entry;
    `load(name, weights=False)` gives the model of the recipe.

    Args:
        folder: holds `recipe.toml`; `data.toml`, which has `features` (per modality its
            `dimension`, of frames the `shape` too, and its `extractor`), `needs`, whose fields
            are those of `keras_mer.zoo.needs.NEEDS`, and `data`, `split`, `task`,
            `label_names` and `label_range` as `save_entry` takes them; and maybe `about.toml`
            with `licence` and `paper`, and `notes.md` for the card.
        **about: further arguments of `keras_mer.zoo.save_entry`, before those of the files.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: if recipe.toml or data.toml is missing.
        ValueError: if a file is malformed.

    Example:

    ```python
    keras_mer.training.publish_recipe("zoo/cmmsf_mosei")
    ```
    """
    folder = Path(folder).expanduser()
    recipe = Recipe.read(folder / RECIPE)
    described = _read_data(folder / DATA)
    features, needs = described.pop("features"), described.pop("needs")
    model = build_model(recipe, Preprocessor(features, {}, {}), seed=1)
    options = {
        "name": recipe.name,
        "weights": False,
        "protocol": recipe.evaluation["protocol"],
        "features": features,
        "extra": {"needs": needs},
        "overwrite": True,
        **described,
        **about_entry(folder),
    }
    return zoo.save_entry(model, folder, **{**options, **about})


def _read_data(path: Path) -> dict[str, Any]:
    content = _read_toml(path)
    features = content.get("features")
    if not isinstance(features, dict) or not all(
        isinstance(given, dict) and "dimension" in given for given in features.values()
    ):
        raise ValueError(
            f"{path} should give features with a dimension for each modality, such as "
            f"[features.text] dimension = 768; it gives {features!r}"
        )
    try:
        return {**content, "needs": check_needs(content.get("needs"))}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from None
