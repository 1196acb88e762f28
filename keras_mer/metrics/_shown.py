"""Figures as text."""


def shown_value(value: float, figure: str) -> str:
    """One number of a figure: shares in percent, errors and correlations as they are.

    Args:
        value: the number.
        figure: its name in a protocol.
    """
    return f"{value:.3f}" if figure in ("mae", "corr") else f"{100 * value:.1f}"


def shown_summary(values: tuple[float, float | None], figure: str) -> str:
    """As `shown_value`, of mean and deviation; the deviation of a single run is `None`."""
    return " ± ".join(shown_value(value, figure) for value in values if value is not None)
