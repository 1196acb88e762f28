"""Memory that a training frees and asks for again at every step."""

import ctypes
import sys

MMAP_MAX, TRIM_THRESHOLD, ARENA_MAX = -4, -1, -8  # of glibc's mallopt
NEVER = -1


def keep_freed_memory() -> bool:
    """On JAX has glibc keep what this process frees for what it asks for next.

    XLA takes all memory of a step at once and gives it back after it. Blocks of that size
    come from the system, which clears every page anew: for CM-MSF a fifth of a training step.
    It is a setting of the whole process, so the commands that train make it and importing
    keras_mer does not; elsewhere the environment does the same, with
    MALLOC_MMAP_MAX_=0 MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=1000000000000.

    Returns:
        Whether it was set.
    """
    import keras

    if keras.backend.backend() != "jax" or not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    wanted = {MMAP_MAX: 0, TRIM_THRESHOLD: NEVER, ARENA_MAX: 1}
    return all(mallopt(what, value) for what, value in wanted.items())
