"""What a card says of the test part: subsets of modalities, classes, calibration."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_mer.metrics._shown import shown_summary
from keras_mer.zoo.entry import CALIBRATION, CONFUSION


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; the first row is its head."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def modalities_section(metadata: Mapping[str, Any]) -> str:
    """The figures of every subset of the modalities."""
    subsets = metadata.get("test_by_modalities") or {}
    names = next((list(figures) for figures in subsets.values() if figures), [])
    if not names:
        return ""
    rows = [["modalities", *names]]
    for subset, figures in subsets.items():
        cells = ["not trained", *["–"] * (len(names) - 1)]
        if figures:
            cells = [_shown(figures[name], name) for name in names]
        rows.append([subset.replace("+", " + "), *cells])
    about = f"The same weights with modalities left out; mean ± deviation over {_over(metadata)}."
    return "\n\n".join(["## Modalities at test time", about, table(rows)])


def classes_section(metadata: Mapping[str, Any]) -> str:
    """The figures of each class, and what was taken for what."""
    part = metadata.get("test_part") or {}
    if "classes" not in part:
        return ""
    figures = ("precision", "recall", "f1")
    rows = [["class", *figures, "clips"]]
    for each in part["classes"]:
        shown = [_shown(each[name], name) for name in figures]
        rows.append([each["class"], *shown, str(each["support"])])
    names = [each["class"] for each in part["classes"]]
    counts = [["label", *names]]
    for name, row in zip(names, part["confusion"], strict=True):
        counts.append([name, *map(str, row)])
    return "\n\n".join(
        [
            "## Classes",
            f"In percent, {_spread(metadata, part)}. {_clips(part)}",
            table(rows),
            "What was taken for what, in clips: a row per label, a column per prediction, "
            f"{_together(part)}.",
            table(counts),
            *_picture(metadata, CONFUSION, "Confusion, in percent of the clips of each label"),
        ]
    )


def calibration_section(metadata: Mapping[str, Any]) -> str:
    """Whether the predictions mean what they say, as they are: nothing was fitted for it."""
    part = metadata.get("test_part") or {}
    found = part.get("calibration")
    if not found:
        return ""
    of_classes = "error" in found
    return "\n\n".join(
        [
            "## Calibration",
            *(_of_classes if of_classes else _of_scores)(metadata, part, found),
            *([] if of_classes else [_clips(part)]),
            *_picture(metadata, CALIBRATION, "Calibration: the nearer to the diagonal, the better"),
        ]
    )


def speed_section(metadata: Mapping[str, Any]) -> str:
    """The time of a system beside the same network in plain PyTorch."""
    speed = metadata.get("speed") or {}
    ratios = speed.get("ratios") or {}
    if not ratios:
        return ""
    backends = list(dict.fromkeys(backend for row in ratios.values() for backend in row))
    rows = [["", *backends]]
    for task, row in ratios.items():
        rows.append([task, *(f"{row[b]:.2f}" if b in row else "–" for b in backends)])
    about = (
        "The time of the system over that of the same network in plain PyTorch; below 1 is faster."
    )
    return "\n\n".join(["## Speed", f"{about} {speed.get('about', '')}".strip(), table(rows)])


def _of_classes(
    metadata: Mapping[str, Any], part: Mapping[str, Any], found: Mapping[str, Any]
) -> list[str]:
    rows = [["sure, %", "right, %", "clips, %"]]
    for bin_ in found["bins"]:
        rows.append([f"{100 * bin_[name]:.1f}" for name in ("confidence", "accuracy", "share")])
    sure, right = (
        sum(bin_["share"] * bin_[name] for bin_ in found["bins"])
        for name in ("confidence", "accuracy")
    )
    return [
        f"Expected calibration error {_shown(found['error'], 'mae')}, {_spread(metadata, part)} "
        f"({found['bin_count']} equally wide bins from 0 to 1, weighted by their share of the "
        "clips; 0 is best). The probabilities are as the model gives them.",
        f"How sure the model is and how often it is right, {_together(part)}; on the whole "
        f"{100 * sure:.1f} % sure and {100 * right:.1f} % right:",
        table(rows),
    ]


def _of_scores(
    metadata: Mapping[str, Any], part: Mapping[str, Any], found: Mapping[str, Any]
) -> list[str]:
    rows = [["mean score", "mean label", "clips"]]
    for group in found["groups"]:
        rows.append([f"{group['score']:+.2f}", f"{group['label']:+.2f}", str(group["count"])])
    return [
        f"The line through labels over scores has the slope {_shown(found['slope'], 'mae')} and "
        f"the intercept {_shown(found['intercept'], 'mae')}, {_spread(metadata, part)}. A score "
        "that means what it says has 1 and 0; below 1, scores lie too far out. "
        "They are as the model gives them.",
        f"Groups of equal size from the lowest score to the highest, {_together(part)}:",
        table(rows),
    ]


def _over(metadata: Mapping[str, Any]) -> str:
    folds = metadata.get("folds")
    if not folds:
        return "the seeds"
    return f"the seeds, each trained and tested on another fold by {folds.get('by', 'groups')}"


def _spread(metadata: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    if len(part["seeds"]) == 1:
        return f"of the published seed ({part['seeds'][0]}) alone"
    return f"mean ± deviation over {_over(metadata)}"


def _together(part: Mapping[str, Any]) -> str:
    seeds = part["seeds"]
    return "of the published seed" if len(seeds) == 1 else f"of all {len(seeds)} seeds together"


def _clips(part: Mapping[str, Any]) -> str:
    made = f" Made by `{part['command']}`." if part.get("command") else ""
    return f"{part['clips']} clips of the test part.{made}"


def _picture(metadata: Mapping[str, Any], file: str, caption: str) -> list[str]:
    return [f"![{caption}]({file})"] if file in metadata["files"] else []


def _shown(summary: Mapping[str, float], figure: str) -> str:
    return shown_summary((summary["mean"], summary.get("deviation")), figure)
