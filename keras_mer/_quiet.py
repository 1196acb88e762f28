"""TensorFlow's start-up chatter, kept from users who asked for something else."""

import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# TensorFlow writes these from C++ while it is being imported, before its own log level holds.
CHATTER = re.compile(
    rb"^(WARNING: All log messages before absl::InitializeLog|[IWE]\d{4} \d\d:\d\d|"
    rb"[IWE]0000 00:00:|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] |"
    rb"To enable the following instructions:)"
)


@contextmanager
def quiet_start() -> Iterator[None]:
    """Drops TensorFlow's start-up lines and Python warnings while libraries are imported.

    Whatever else reaches the standard error in the block is passed on at its end.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings(), _held_stderr():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _held_stderr() -> Iterator[None]:
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all, as in a windowed program
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not CHATTER.match(line):
                    os.write(2, line)
