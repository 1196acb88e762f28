"""From word pieces to words."""

from __future__ import annotations

from collections.abc import Sequence

ENDINGS = {"s", "t", "d", "m", "re", "ve", "ll"}


def together(pieces: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Words, and the places of the pieces that each is made of.

    `##ing` belongs to the piece before it, and so do an apostrophe and the English ending after
    it, as in `didn't`. All other pieces, `[CLS]` and commas among them, are words
    of their own.

    Example:

    >>> together(["[CLS]", "un", "##like", "##ly", ",", "isn", "'", "t", "it"])
    [('[CLS]', [0]), ('unlikely', [1, 2, 3]), (',', [4]), ("isn't", [5, 6, 7]), ('it', [8])]
    """
    words: list[tuple[str, list[int]]] = []
    for place, piece in enumerate(pieces):
        if words and _belongs(pieces, place, words[-1][0]):
            word, places = words[-1]
            words[-1] = (word + piece.removeprefix("##"), [*places, place])
        else:
            words.append((piece, [place]))
    return words


def _belongs(pieces: Sequence[str], place: int, word: str) -> bool:
    piece = pieces[place]
    if piece.startswith("##") and len(piece) > 2:
        return True
    following = pieces[place + 1] if place + 1 < len(pieces) else ""
    if piece == "'":
        return word[-1].isalpha() and following in ENDINGS
    return word.endswith("'") and len(word) > 1 and piece in ENDINGS
