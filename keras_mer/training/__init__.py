"""Recipes, training, evaluation and comparison."""

from keras_mer.training.compare import compare
from keras_mer.training.comparison import ComparedSystem, Comparison
from keras_mer.training.evaluate import evaluate, evaluate_subsets
from keras_mer.training.recipe import Recipe
from keras_mer.training.reproduce import ReproducedFigure, Reproduction, reproduce
from keras_mer.training.systems import SYSTEMS
from keras_mer.training.train import Run, train
from keras_mer.training.train_seeds import Result, publish, train_seeds

__all__ = [
    "SYSTEMS",
    "ComparedSystem",
    "Comparison",
    "Recipe",
    "ReproducedFigure",
    "Reproduction",
    "Result",
    "Run",
    "compare",
    "evaluate",
    "evaluate_subsets",
    "publish",
    "reproduce",
    "train",
    "train_seeds",
]
