"""What an entry's trunk is worth on other data: training further against training from scratch.

    python -m benchmarks.fine_tuning cmmsf_mosi --data DIR --format meld \\
        --option labels=sentiment --modalities text --fractions 5 20 100 --seeds 5 --out FILE

The same model, features, scaling and settings (those of the entry's own recipe, but for the loss)
are trained from the entry's weights under a fresh head, and from fresh weights. A seed draws an
order of the training part within each class, whose first 5, 20, ... % are the fractions: each
holds the one before. Validation and test part are always whole; the validation part chooses the
epoch, the test part is scored once. Deviations are those of a sample, over the seeds; the gain is
that of each seed. What is finished in --runs is not repeated.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np


def nested_rows(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """The places of a share of every class, at least one row of each, in their own order.

    Args:
        labels: (n,) of the training part.
        fraction: in percent.
        seed: of the draw. A larger fraction of the same seed has all rows of a smaller one.
    """
    generator = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        chosen.append(rows[: max(round(len(rows) * fraction / 100), 1)])
    return np.sort(np.concatenate(chosen))


def fraction_of(dataset: Any, fraction: float, seed: int) -> Any:
    """The data set with a fraction of its training part, and all of the other parts."""
    train = np.flatnonzero(dataset.splits == "train")
    kept = train[nested_rows(dataset.labels[train], fraction, seed)]
    return dataset.subset(
        np.sort(np.concatenate([kept, np.flatnonzero(dataset.splits != "train")]))
    )


def recipe_of(arguments: argparse.Namespace, pretrained: bool) -> Any:
    """The entry's own [training] on other data, from its weights or from fresh ones."""
    from keras_mer.cli._reading import reader_options
    from keras_mer.training import Recipe
    from keras_mer.zoo.resolve import entry_file, resolve

    own = Recipe.read(entry_file(resolve(arguments.entry), "recipe.toml")).training
    further = {"loss": None, "freeze_epochs": 0, "class_weight": arguments.class_weight}
    given = {k: getattr(arguments, k) for k in ("learning_rate", "epochs", "patience")}
    training = {**own, **further, **{k: v for k, v in given.items() if v is not None}}
    if pretrained and arguments.freeze_epochs:
        training |= {"freeze_epochs": arguments.freeze_epochs, "trunk_rate": arguments.trunk_rate}
    else:
        training.pop("trunk_rate")
    return Recipe.from_dict(
        {
            "name": "further" if pretrained else "scratch",
            "data": {
                "format": arguments.format,
                "options": reader_options(arguments.option, False),
                "modalities": arguments.modalities and arguments.modalities.split(","),
            },
            "model": {"entry": arguments.entry, "weights": pretrained},
            "training": training,
        }
    )


def run(recipe: Any, dataset: Any, seed: int, folder: Path, settings: str) -> dict[str, Any]:
    """The test figures of one run, from disk if it is finished."""
    from keras_mer.training.evaluate import evaluate
    from keras_mer.training.train import train_and_prepare

    path = folder / "scored.json"
    if path.exists():
        kept = json.loads(path.read_text())
        if kept["settings"] != settings:
            raise ValueError(f"{folder} holds a run of other settings: choose another --runs")
        return dict(kept)
    began = time.monotonic()
    done, prepared = train_and_prepare(recipe, dataset, seed, folder, None)
    record = {
        "settings": settings,
        "seconds": round(time.monotonic() - began, 1),
        "rows": dataset.counts["train"],
        "best_epoch": done.best_epoch,
        "epochs": len(done.epochs),
        "valid": done.valid,
        "test": evaluate(done.model, prepared, "test", recipe.evaluation["protocol"]),
    }
    path.write_text(json.dumps(record) + "\n")
    (folder / "state.npz").unlink()  # several times the weights, for going on
    return record


def summary(values: list[float]) -> dict[str, float]:
    """Mean, and of several values the sample deviation."""
    from keras_mer.training.train_seeds import summary as mean_and_deviation

    mean, deviation = mean_and_deviation(values)
    return {"mean": mean, "deviation": deviation} if len(values) > 1 else {"mean": mean}


def shown(found: dict[str, float]) -> str:
    deviation = f" ± {found['deviation']:.4f}" if "deviation" in found else ", one seed"
    return f"{found['mean']:.4f}{deviation}"


def report(runs: dict[str, dict[str, list[dict[str, Any]]]], figures: list[str]) -> dict[str, Any]:
    """Prints and returns mean and deviation of both, and of the gain of each seed."""
    table: dict[str, Any] = {}
    for fraction, both in runs.items():
        print(f"{fraction} % of the training part, {both['further'][0]['rows']} rows")
        for figure in figures:
            values = {k: [r["test"][figure] for r in done] for k, done in both.items()}
            gains = [f - s for f, s in zip(values["further"], values["scratch"], strict=True)]
            found = {name: summary(each) for name, each in {**values, "gain": gains}.items()}
            table.setdefault(fraction, {})[figure] = found
            columns = "   ".join(f"{name} {shown(each)}" for name, each in found.items())
            print(f"  {figure:12} {columns}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("entry", help="the name, folder or address of an entry with a recipe")
    parser.add_argument("--data", required=True, help="what the reader of the format takes")
    parser.add_argument("--format", help="of the data, as in keras_mer.data.FORMATS")
    parser.add_argument("--option", action="append", default=[], help="NAME=VALUE, for the reader")
    parser.add_argument("--modalities", help="to train on, such as text or text,audio")
    parser.add_argument("--fractions", type=float, nargs="+", default=[5, 20, 100])
    parser.add_argument("--seeds", type=int, default=5, help="train from the seeds 1 to this")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--patience", type=int)
    parser.add_argument("--class-weight", choices=["balanced"])
    parser.add_argument("--freeze-epochs", type=int, default=0, help="of the pretrained alone")
    parser.add_argument("--trunk-rate", type=float, default=0.1)
    parser.add_argument("--runs", type=Path, default=Path("runs/fine_tuning"))
    parser.add_argument("--out", type=Path, help="a JSON file for all of it")
    arguments = parser.parse_args()

    from keras_mer import metrics
    from keras_mer.training.suit import suit

    recipes = {k: recipe_of(arguments, k == "further") for k in ("further", "scratch")}
    _, dataset = suit(recipes["further"], arguments.data)
    started = {k: suit(recipe, dataset)[0] for k, recipe in recipes.items()}
    runs: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for seed in range(1, arguments.seeds + 1):
        for fraction in arguments.fractions:
            part = fraction_of(dataset, fraction, seed)
            for name, recipe in started.items():
                settings = repr(replace(recipe, name="")) + repr(dataset)
                folder = arguments.runs / f"{fraction:g}" / name / f"seed_{seed}"
                record = run(recipe, part, seed, folder, settings)
                runs.setdefault(f"{fraction:g}", {}).setdefault(name, []).append(record)
                first = next(iter(record["test"].items()))
                print(f"{fraction:g} %, seed {seed}, {name}: {first[0]} {first[1]:.4f}, ", end="")
                print(f"{record['epochs']} epochs, {record['seconds']} s", flush=True)
    protocol = metrics.PROTOCOLS[started["further"].evaluation["protocol"]]
    table = report(runs, [figure.name for figure in protocol.figures])
    if arguments.out:
        content = {
            "entry": arguments.entry,
            "data": dataset.description["name"],
            "protocol": protocol.name,
            "seeds": arguments.seeds,
            "summary": table,
            "runs": runs,
        }
        arguments.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
