"""Recipes, training, evaluation and comparison."""

from typing import TYPE_CHECKING, Any

from keras_mer.training.compare import compare
from keras_mer.training.comparison import ComparedSystem, Comparison
from keras_mer.training.entry_data import entry_data
from keras_mer.training.evaluate import evaluate, evaluate_subsets
from keras_mer.training.predicted import Predicted
from keras_mer.training.publish import publish
from keras_mer.training.publish_recipe import publish_recipe
from keras_mer.training.quantize_entry import quantize_entry
from keras_mer.training.recipe import Recipe
from keras_mer.training.reproduce import ReproducedFigure, Reproduction, reproduce
from keras_mer.training.score_card import score_card
from keras_mer.training.search import Search, search
from keras_mer.training.systems import SYSTEMS
from keras_mer.training.train import Run, train
from keras_mer.training.train_seeds import Result, train_seeds

if TYPE_CHECKING:
    from keras_mer.training.system_hyper_model import SystemHyperModel

__all__ = [
    "SYSTEMS",
    "ComparedSystem",
    "Comparison",
    "Predicted",
    "Recipe",
    "ReproducedFigure",
    "Reproduction",
    "Result",
    "Run",
    "Search",
    "SystemHyperModel",
    "compare",
    "entry_data",
    "evaluate",
    "evaluate_subsets",
    "publish",
    "publish_recipe",
    "quantize_entry",
    "reproduce",
    "score_card",
    "search",
    "train",
    "train_seeds",
]


def __getattr__(name: str) -> Any:
    """What needs keras-tuner, imported when it is first used."""
    if name == "SystemHyperModel":
        from keras_mer.training.system_hyper_model import SystemHyperModel

        return SystemHyperModel
    raise AttributeError(f"module 'keras_mer.training' has no attribute {name!r}")
