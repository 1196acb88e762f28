"""Recipes, training and evaluation."""

from keras_mer.training.evaluate import evaluate, evaluate_subsets
from keras_mer.training.recipe import Recipe
from keras_mer.training.train import Run, train
from keras_mer.training.train_seeds import Result, publish, train_seeds

__all__ = [
    "Recipe",
    "Result",
    "Run",
    "evaluate",
    "evaluate_subsets",
    "publish",
    "train",
    "train_seeds",
]
