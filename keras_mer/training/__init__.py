"""Recipes, training and evaluation."""

from keras_mer.training.evaluate import evaluate, evaluate_subsets
from keras_mer.training.recipe import Recipe
from keras_mer.training.train import Run, train

__all__ = ["Recipe", "Run", "evaluate", "evaluate_subsets", "train"]
