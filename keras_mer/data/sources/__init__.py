"""Public data sets by name: what there is, under which terms, and how to get it."""

from keras_mer.data.sources.fetch import TermsError, count_present, fetch
from keras_mer.data.sources.source import Origin, PublicFile, Source, list_sources, source

__all__ = [
    "Origin",
    "PublicFile",
    "Source",
    "TermsError",
    "count_present",
    "fetch",
    "list_sources",
    "source",
]
