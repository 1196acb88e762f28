"""What came of comparing systems, as a table, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from keras_mer import metrics
from keras_mer._files import written_aside
from keras_mer.metrics._shown import shown_value
from keras_mer.training.train_seeds import shown

FEW_GROUPS = 20
LEVEL = 0.05


@dataclass(frozen=True)
class ComparedSystem:
    """One row of a comparison.

    Attributes:
        name: of the system.
        model: the class of its model, or the name of a baseline.
        parameters: how many it has.
        runs: by seed, the figures of each run: `seed`, `valid`, `test`, `best_epoch`, `epochs`
            and `seconds`. A baseline without chance has one run for all seeds.
        interval: of the first figure, over other test groups.
        p: of the paired test against the reference, uncorrected; None for the reference.
        p_holm: corrected for the number of systems.
    """

    name: str
    model: str
    parameters: int
    runs: list[dict[str, Any]]
    interval: tuple[float, float]
    p: float | None
    p_holm: float | None

    def values(self, figure: str, part: str = "test") -> list[float]:
        """A figure of every run, on "test" or "valid"."""
        return [run[part][figure] for run in self.runs]


@dataclass(frozen=True)
class Comparison:
    """Several systems under one protocol. Made by `compare`.

    Attributes:
        data: `name`, `split`, `modalities`, `rows` by split, and `groups`, how many videos,
            dialogues or speakers the test parts have.
        protocol: how the figures are computed.
        select: the figure of the validation part that has chosen epochs and reference.
        seeds: of the runs.
        against: the reference of the paired tests.
        systems: in the order in which they were named.
        left_out: systems that cannot take the data, and why.
        notes: what to know before trusting the numbers.
        versions: of the libraries, and the backend.
    """

    data: dict[str, Any]
    protocol: str
    select: str
    seeds: list[int]
    against: str
    systems: list[ComparedSystem]
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def figures(self) -> list[str]:
        """The names of the protocol's figures."""
        return [figure.name for figure in metrics.PROTOCOLS[self.protocol].figures]

    @property
    def title(self) -> str:
        """What was compared on what."""
        rows, groups = self.data["rows"]["test"], self.data["groups"]
        return (
            f"{self.data['name']}, {self.data['split'] or 'unnamed split'}, "
            f"{' + '.join(self.data['modalities'])}: test part, {rows} utterances in {groups} "
            f"groups, {len(self.seeds)} seed{'s' if len(self.seeds) > 1 else ''}"
        )

    @property
    def heading(self) -> list[str]:
        """The names of the table's columns."""
        return [
            "system",
            "parameters",
            *self.figures,
            f"95 % interval of {self.figures[0]}",
            f"p against {self.against}",
        ]

    def rows(self) -> list[list[str]]:
        """The cells of the table, one row per system."""
        return [
            [
                system.name,
                f"{system.parameters:,}",
                *(_cell(system.values(name), name) for name in self.figures),
                "–".join(shown_value(end, self.figures[0]) for end in system.interval),
                _shown_p(system.p_holm),
            ]
            for system in self.systems
        ]

    def to_markdown(self) -> str:
        """The table with its notes."""
        table = [self.heading, ["---"] * len(self.heading), *self.rows()]
        lines = [f"# {self.title}", "", *(f"| {' | '.join(row)} |" for row in table), ""]
        return "\n".join([*lines, *(f"- {note}" for note in self.notes)]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON, every figure of every run among it."""
        return asdict(self)

    def write(self, folder: str | Path) -> Path:
        """Writes comparison.json and comparison.md into a folder, and returns it."""
        folder = Path(folder)
        content = json.dumps(self.to_dict(), indent=1) + "\n"
        for name, text in (("comparison.json", content), ("comparison.md", self.to_markdown())):
            with written_aside(folder / name) as aside:
                aside.write_text(text, encoding="utf-8")
        return folder


def _cell(values: Sequence[float], figure: str) -> str:
    """Mean and deviation; of a single run there is none."""
    return shown(values, figure) if len(values) > 1 else shown_value(values[0], figure)


def _shown_p(p: float | None) -> str:
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def notes_on(comparison: Comparison, folds: Any, cautions: Sequence[str]) -> list[str]:
    """What to know before trusting the numbers of a comparison.

    Args:
        comparison: without notes.
        folds: those of the recipe's [data].
        cautions: of the data set.
    """
    groups, tests = comparison.data["groups"], len(comparison.systems) - 1
    first = comparison.figures[0]
    notes = [
        f"± is the deviation over {'seeds and their folds' if folds else 'seeds'}; epochs and "
        f"settings were chosen by {comparison.select} on the validation part.",
        f"The interval is a bootstrap of {first} over the {groups} test groups (videos, dialogues "
        "or speakers, as the data set has them); p is that of a paired permutation test of "
        f"{first} over these groups, Holm-corrected for {tests} test{'s' * (tests != 1)}. Both "
        "take the trained runs as they are.",
    ]
    if folds:
        notes.append("Intervals and tests are over the test parts of all folds together.")
    if groups == comparison.data["rows"]["test"]:
        notes.append(
            "Every test utterance is a group of its own: if several are of one speaker or video, "
            "intervals and p values are too small."
        )
    if 2 / 2**groups > LEVEL:
        notes.append(
            f"With {groups} test groups p is never less than {2 / 2**groups:g}: no difference can "
            f"be significant at {LEVEL}."
        )
    elif groups < FEW_GROUPS:
        notes.append(f"{groups} test groups are few: take intervals and p values as rough.")
    if len(comparison.seeds) == 1:
        notes.append("One seed says nothing of how much chance there is in training.")
    left_out = [f"{name} ({reason})" for name, reason in comparison.left_out.items()]
    if left_out:
        notes.append(f"Left out: {'; '.join(left_out)}.")
    return [*notes, *cautions]
