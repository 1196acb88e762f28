"""The version of keras-mer."""

__version__ = "0.1.0"
