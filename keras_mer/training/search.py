"""A search for the arguments and the training of a recipe that do best in validation."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_mer._extras import need
from keras_mer._files import written_aside
from keras_mer.data import Dataset
from keras_mer.training.fit import fingerprint
from keras_mer.training.recipe import Recipe

TUNERS = {"random": "RandomSearch", "bayesian": "BayesianOptimization"}
BEST, ABOUT = "best.toml", "search.json"

OnTrial = Callable[[dict[str, Any], float | None], None]
"""Called after every trial with its values and its figure, `None` if it failed."""


@dataclass(frozen=True)
class Search:
    """What a search has found.

    Attributes:
        recipe: with the best values and no [search], ready to train.
        figure: the name of what decided, such as "mae", on the validation part.
        trials: the values and the figure of each trial that came to an end, best first.
        folder: where the trials are, and the best recipe as `best.toml`.
    """

    recipe: Recipe
    figure: str
    trials: list[tuple[dict[str, Any], float]]
    folder: Path


def search(
    recipe: Recipe | str | Path,
    data: str | Path | Dataset | None = None,
    trials: int = 20,
    seed: int = 1,
    folder: str | Path | None = None,
    tuner: str = "random",
    on_trial: OnTrial | None = None,
) -> Search:
    """Searches, with keras-tuner, for what does best on the validation part.

    A recipe says in its [search] what to choose from: keys of [training] and arguments of the
    model, each a list of values of one kind, or a range.

    ```toml
    [search.training]
    learning_rate = { low = 1e-4, high = 1e-2, log = true }
    batch_size = [16, 32, 64]

    [search.model]
    dropout = { low = 0.0, high = 0.5, step = 0.1 }
    ```

    Every trial is trained as by `train`, from the same seed, and scored on the validation part at
    its best epoch, by the recipe's `select`. The test part is not looked at. The best of many
    figures on one validation part is too good: what the best recipe is worth, say its test part
    and other seeds. Trials are kept: the same call goes on where it was stopped, repeating the
    trial that was cut off, and more `trials` are added to those there are.

    Args:
        recipe: a recipe with a [search], or the path of a recipe.toml.
        data: the folder or file that the recipe's reader takes, or a data set; by default the
            recipe's `path`.
        trials: how many in all; fewer where there is no more to choose from.
        seed: of every trial and of the choices. With folds, seed s is validated on fold s.
        folder: for the trials; `runs/<name>/search` by default.
        tuner: "random", or "bayesian" for a Gaussian process that learns from the trials. For
            keras-tuner's others pass them a `SystemHyperModel`.
        on_trial: called after every trial with its values and its figure.

    Returns:
        A `Search`. Its recipe is in the folder as `best.toml`, which `keras-mer train` takes.

    Raises:
        ValueError: if the recipe has no proper [search], the folder holds another search, or
            three trials in a row fail.
        ImportError: if keras-tuner is not installed.
    """
    if tuner not in TUNERS:
        raise ValueError(f"tuner must be one of {', '.join(TUNERS)}; received {tuner!r}")
    if trials < 1:
        raise ValueError(f"trials must be 1 or more; received {trials}")
    from keras_mer.training.system_hyper_model import SystemHyperModel

    model = SystemHyperModel(recipe, data, seed)
    folder = Path(folder or f"runs/{model.recipe.name}/search").expanduser()
    _check_folder(folder, model, tuner)
    with _tuner_warnings():
        running = _tuner(tuner, model, trials, folder, on_trial)
        try:
            running.search(verbose=0)
        except RuntimeError as error:
            last = str(error).strip().splitlines()[-1]
            raise ValueError(f"three trials in a row failed, the last one with: {last}") from error
        kept = [t for t in running.oracle.get_best_trials(trials) if t.score is not None]
    if not kept:
        raise ValueError(f"no trial came to an end; what went wrong stands in {folder}/trials")
    best = model.recipe_of(kept[0].hyperparameters)
    best.write(folder / BEST)
    figure = best.evaluation["select"]
    return Search(best, figure, [(t.hyperparameters.values, t.score) for t in kept], folder)


def _tuner(kind: str, model: Any, trials: int, folder: Path, on_trial: OnTrial | None) -> Any:
    """The tuner, with the trials that are in the folder."""
    keras_tuner = need("keras_tuner", "tuner", "to search for arguments")
    base: Any = getattr(keras_tuner, TUNERS[kind])

    class Told(base):
        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            if on_trial:
                on_trial(trial.hyperparameters.values, trial.score)

    with contextlib.redirect_stdout(io.StringIO()):  # it says that it reloads
        return Told(
            model,
            objective=model.objective,
            max_trials=trials,
            seed=model.seed,
            directory=str(folder),
            project_name="trials",
        )


def _check_folder(folder: Path, model: Any, tuner: str) -> None:
    """Raises a `ValueError` if the folder holds another search, or notes down whose it is."""
    recipe = model.recipe
    about = {
        "tuner": tuner,
        "search": json.loads(json.dumps(recipe.search)),
        "fingerprint": fingerprint(recipe, model.dataset, model.seed),
    }
    path = folder / ABOUT
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")) != about:
            raise ValueError(
                f"{folder} holds a search of another recipe, data set, seed, tuner or backend: "
                "remove it, or choose another folder"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as aside:
        aside.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


@contextlib.contextmanager
def _tuner_warnings() -> Iterator[None]:
    """keras-tuner 1.4.8 asks for the names of threads in ways that Python 3.10 has deprecated."""
    with warnings.catch_warnings():
        for name in ("currentThread", "getName"):
            warnings.filterwarnings("ignore", rf"{name}\(\) is deprecated", DeprecationWarning)
        yield
