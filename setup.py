"""Everything but the zoo's place in the wheel is in pyproject.toml.

The entries of the top-level zoo/ are installed as keras_mer/entries, so that an
installed package loads them without a network.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["keras_mer", "keras_mer.*"]), "keras_mer.entries"],
    package_dir={"keras_mer.entries": "zoo"},
    package_data={
        "keras_mer": ["py.typed"],
        "keras_mer.data.sources": ["*.toml", "*.sums"],
        "keras_mer.entries": ["*/*", "*/*/*"],
    },
)
