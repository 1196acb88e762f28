"""Figures as text."""


def shown_summary(values: tuple[float, float | None], figure: str) -> str:
    """Mean and deviation: shares in percent, errors and correlations as they are.

    Args:
        values: mean, and deviation or `None` if there was a single run.
        figure: its name in a protocol.
    """
    mean, deviation = values
    places, factor = (3, 1) if figure in ("mae", "corr") else (1, 100)
    shown = f"{factor * mean:.{places}f}"
    return shown if deviation is None else f"{shown} ± {factor * deviation:.{places}f}"
