"""The zoo: trained models by name, and entries of one's own."""

from keras_mer.zoo.card import Card, card
from keras_mer.zoo.load import load, metadata, preprocessor, text_adapters, verify
from keras_mer.zoo.push import push
from keras_mer.zoo.refresh import refresh_card
from keras_mer.zoo.registry import list_models
from keras_mer.zoo.save import save_entry

__all__ = [
    "Card",
    "card",
    "list_models",
    "load",
    "metadata",
    "preprocessor",
    "push",
    "refresh_card",
    "save_entry",
    "text_adapters",
    "verify",
]
