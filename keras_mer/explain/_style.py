"""What the pictures share: colours, sizes, letters, and how a file comes to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import floor, log10
from pathlib import Path
from typing import Any

from keras_mer._extras import need
from keras_mer._files import written_aside

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = {"text": "#0072B2", "audio": "#E69F00", "video": "#009E73"}
OTHERS = ("#CC79A7", "#56B4E9", "#D55E00")
NEGATIVE, POSITIVE = "#D55E00", "#0072B2"
GREY = "#666666"

COLUMN, PAGE = 3.5, 7.0  # inches, of a paper
SMALL, LETTERS, TITLE = 7, 8, 9  # points
DPI = 200

LETTERING = {
    "font.size": LETTERS,
    "axes.titlesize": LETTERS,
    "axes.labelsize": LETTERS,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": LETTERS,
    "legend.fontsize": SMALL,
    "figure.titlesize": TITLE,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # letters stay letters
    "pdf.fonttype": 42,
}


def colours(modalities: Sequence[str]) -> dict[str, str]:
    """One colour per modality, always the same for text, audio and video."""
    others = iter(OTHERS * (1 + len(modalities)))
    return {m: COLOURS.get(m) or next(others) for m in modalities}


def signed(value: float) -> str:
    """The colour of what adds and of what takes away."""
    return POSITIVE if value > 0 else NEGATIVE


def amount(value: float, sign: bool = True, places: int = 2) -> str:
    """A number as it stands in a picture, with the sign of what is added."""
    shown = f"{value:+.{places}f}" if sign else f"{value:.{places}f}"
    return shown.replace("-", "\N{MINUS SIGN}")


def places_for(values: Any) -> int:
    """Decimals that tell the values apart, at least two."""
    largest = max((abs(value) for value in values), default=1.0)
    return 2 if largest >= 0.1 or not largest else min(6, 2 - floor(log10(largest)))


@contextmanager
def picture(
    path: str | Path, width: float, height: float, title: str | None = None
) -> Iterator[Any]:
    """A matplotlib figure of a paper's size in inches, written when the block has drawn it.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    need("matplotlib", "plot", "to draw pictures")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(LETTERING):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        if title:
            figure.suptitle(title)
        with written_aside(path) as aside:
            figure.savefig(aside, dpi=DPI)
