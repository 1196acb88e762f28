"""A recipe as an entry of the zoo, where the data that it needs may not be passed on."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from keras_mer import zoo
from keras_mer.data import Preprocessor
from keras_mer.training.recipe import Recipe
from keras_mer.training.train import build_model
from keras_mer.zoo.entry import RECIPE
from keras_mer.zoo.needs import check_needs

ABOUT, NOTES = "about.toml", "notes.md"


def publish_recipe(folder: str | Path, **about: Any) -> Path:
    """Writes the folder of a recipe as an entry without weights.

    `load` then says what to get, from whom, and which command trains the entry;
    `load(name, weights=False)` gives the model of the recipe.

    Args:
        folder: holds `recipe.toml`; `about.toml`, which has `features` (per modality its
            `dimension`, or the `shape` of a frame too, and its `extractor`), `needs`, whose
            fields are those of `keras_mer.zoo.needs.NEEDS`, and what else `save_entry` takes,
            such as `data`, `split`, `task` and `paper`; and maybe `notes.md` for the card.
        **about: further arguments of `keras_mer.zoo.save_entry`, before those of the file.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: if recipe.toml or about.toml is missing.
        ValueError: if one of them is malformed.

    Example:

    ```python
    keras_mer.training.publish_recipe("zoo/cmmsf_mosei")
    ```
    """
    folder = Path(folder).expanduser()
    recipe = Recipe.read(folder / RECIPE)
    described = _read_about(folder / ABOUT)
    features, needs = described.pop("features"), described.pop("needs")
    notes = folder / NOTES
    model = build_model(recipe, Preprocessor(features, {}, {}), seed=1)
    options = {
        "name": recipe.name,
        "weights": False,
        "protocol": recipe.evaluation["protocol"],
        "features": features,
        "notes": notes.read_text(encoding="utf-8") if notes.exists() else None,
        "extra": {"needs": needs},
        "overwrite": True,
        **described,
    }
    return zoo.save_entry(model, folder, **{**options, **about})


def _read_about(path: Path) -> dict[str, Any]:
    try:
        about = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from None
    features = about.get("features")
    if not isinstance(features, dict) or not all(
        isinstance(given, dict) and "dimension" in given for given in features.values()
    ):
        raise ValueError(
            f"{path} should give features with a dimension for each modality, such as "
            f"[features.text] dimension = 768; it gives {features!r}"
        )
    try:
        return {**about, "needs": check_needs(about.get("needs"))}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
