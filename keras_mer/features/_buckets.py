"""Few distinct sizes, so that a compiled function is not retraced for every batch."""


def bucket(size: int, smallest: int = 1) -> int:
    """The smallest of 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, ... that is at least `size`.

    At most a third of a bucket is padding, and a range of 8 to 512 has 13 buckets.

    >>> [bucket(size) for size in (1, 5, 6, 7, 13, 100)]
    [1, 6, 6, 8, 16, 128]
    """
    size = max(size, smallest)
    power = 1 << (size - 1).bit_length()
    return power * 3 // 4 if power >= 4 and size <= power * 3 // 4 else power
