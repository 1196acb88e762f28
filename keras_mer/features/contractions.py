"""Apostrophes that a transcriber left out."""

import re

# Only words that mean nothing else: "its", "were", "ill", "well", "id" and "lets" stay.
_CONTRACTIONS = """
isn't aren't wasn't weren't haven't hasn't hadn't don't doesn't didn't can't couldn't wouldn't
shouldn't won't ain't i'm i've you're you've you'll they're they've they'll we've he's she's that's
there's what's where's who's it'll could've should've would've
""".split()
_WITH_APOSTROPHE = {word.replace("'", ""): word for word in _CONTRACTIONS}
_WORD = re.compile(rf"(?<![\w'’])(?:{'|'.join(_WITH_APOSTROPHE)})(?![\w'’])", re.IGNORECASE)


def restore_contractions(text: str) -> str:
    """Writes "didnt" as "didn't", in upper, lower or capitalised form.

    Transcripts such as CMU-MOSI's have no apostrophes, and a text encoder takes "didnt" for
    an unknown word instead of a negation. What could be another word stays as it is.

    Example:

    >>> restore_contractions("I DIDNT like it, thats all")
    "I DIDN'T like it, that's all"
    """
    return _WORD.sub(lambda match: _like(match.group(), _WITH_APOSTROPHE), text)


def _like(word: str, table: dict[str, str]) -> str:
    restored = table[word.lower()]
    if word.isupper() and len(word) > 1:
        return restored.upper()
    return restored.capitalize() if word[0].isupper() else restored
