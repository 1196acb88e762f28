"""Recipes, training, evaluation and comparison."""

from keras_mer.training.compare import compare
from keras_mer.training.comparison import ComparedSystem, Comparison
from keras_mer.training.entry_data import entry_data
from keras_mer.training.evaluate import evaluate, evaluate_subsets
from keras_mer.training.predicted import Predicted
from keras_mer.training.publish import publish
from keras_mer.training.publish_recipe import publish_recipe
from keras_mer.training.recipe import Recipe
from keras_mer.training.reproduce import ReproducedFigure, Reproduction, reproduce
from keras_mer.training.score_card import score_card
from keras_mer.training.systems import SYSTEMS
from keras_mer.training.train import Run, train
from keras_mer.training.train_seeds import Result, train_seeds

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
    "compare",
    "entry_data",
    "evaluate",
    "evaluate_subsets",
    "publish",
    "publish_recipe",
    "reproduce",
    "score_card",
    "train",
    "train_seeds",
]
