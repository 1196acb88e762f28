"""Optional libraries, imported where they are used."""

import importlib
from types import ModuleType


def need(module: str, extra: str, purpose: str) -> ModuleType:
    """Imports an optional library, or says which extra brings it.

    Args:
        module: what to import, such as `"matplotlib.pyplot"`.
        extra: the extra of keras-mer that installs it.
        purpose: what it is needed for, completing "... is needed".

    Raises:
        ImportError: if the library is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        root = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != root:
            raise
        raise ImportError(
            f'{root} is needed {purpose}: pip install "keras-mer[{extra}]"'
        ) from error
