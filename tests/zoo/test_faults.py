"""docs/faults.md is what happens: nothing half-written is used, and errors say what to do."""

import re
import sys
from pathlib import Path

import pytest
from faults import FAULTS, make_entry, row, run

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform != "linux", reason="it kills a process and fills /dev/full"),
]

TABLE = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def entry(tmp_path_factory):
    return make_entry(tmp_path_factory.mktemp("published"))


def without_numbers(text):
    """Sizes, sums and the numbers of layers differ from run to run, the models by version."""
    text = re.sub(r"are loaded \([\w, ]*\)", "are loaded", text)
    return re.sub(r"\b[0-9a-f]{8}\.\.\.|\d+", "N", text)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_what_the_table_says_happens(fault, entry, monkeypatch):
    monkeypatch.undo()  # the fault brings a home and a mirror of its own
    outcome = run(fault, entry)
    assert "\n" not in outcome.said
    assert outcome.whole or "was changed" in fault.what
    assert without_numbers(row(fault, outcome)) in without_numbers(TABLE)


def test_the_table_has_no_other_rows():
    rows = [line.split(" | ")[0].removeprefix("| ") for line in TABLE.splitlines()]
    assert rows[-len(FAULTS) :] == [fault.what for fault in FAULTS]
