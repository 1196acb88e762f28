"""docs/results.md says what the entries' metadata say, and these what docs/speed.json does."""

import re
from pathlib import Path

import pytest

from keras_mer import zoo
from keras_mer.metrics._shown import shown_summary

pytestmark = pytest.mark.once

ROW = re.compile(r"^\| `(\w+)` \|[^|]*\| (\w+) \| (\d+) \| ([\d.]+ ± [\d.]+) \|", re.MULTILINE)


def test_the_table_has_every_trained_entry_with_its_own_figures():
    page = Path(__file__).parents[1] / "docs" / "results.md"
    if not page.exists():
        pytest.skip("the pages are not part of the package")
    rows = {name: rest for name, *rest in ROW.findall(page.read_text(encoding="utf-8"))}
    assert set(rows) == set(zoo.list_models(pretrained=True))
    for name, (figure, runs, shown) in rows.items():
        metadata = zoo.metadata(name)
        given = metadata["metrics"][figure]
        assert int(runs) == len(metadata["seeds"])
        assert shown == shown_summary((given["mean"], given["deviation"]), figure), name


@pytest.mark.parametrize("name", zoo.list_models(pretrained=True))
def test_the_speed_on_a_card_is_the_measured_one(name):
    cards = pytest.importorskip("benchmarks.cards", reason="benchmarks are not in the package")
    if not (cards.ROOT / "docs" / "speed.json").exists():
        pytest.skip("the pages are not part of the package")
    metadata = zoo.metadata(name)
    assert metadata["speed"] == cards.speed_of(metadata["system"].lower(), cards.measured())
    assert len(metadata["speed"]["ratios"]) == 3
