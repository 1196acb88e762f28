"""Recipes, training and evaluation."""

from keras_mer.training.evaluate import evaluate, evaluate_subsets
from keras_mer.training.publish_recipe import publish_recipe
from keras_mer.training.recipe import Recipe
from keras_mer.training.reproduce import Comparison, Reproduction, reproduce
from keras_mer.training.train import Run, train
from keras_mer.training.train_seeds import Result, publish, train_seeds

__all__ = [
    "Comparison",
    "Recipe",
    "Reproduction",
    "Result",
    "Run",
    "evaluate",
    "evaluate_subsets",
    "publish",
    "publish_recipe",
    "reproduce",
    "train",
    "train_seeds",
]
