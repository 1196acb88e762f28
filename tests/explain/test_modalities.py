"""Leaving modalities out: on hand-made models with known answers, and on the systems."""

import numpy as np
import pytest
from generated import dataset
from small_systems import SYSTEMS, small_inputs, small_system
from tiny_predictor import sums_model

from keras_mer.explain import ablation, ablation_table, shapley_values, shares
from keras_mer.models import CMMSF, EFLSTM


@pytest.fixture(scope="module")
def sums():
    return sums_model()


def counted(texts, audios, rows=None):
    """Rows of ones, of these many steps: a sum counts 4 for a step of text and 3 for audio."""
    inputs = {}
    for name, dim, lengths in (("text", 4, texts), ("audio", 3, audios)):
        mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
        inputs[name] = np.ones((*mask.shape, dim), "float32")
        inputs[f"{name}_mask"] = mask
    return inputs


def test_a_sum_loses_what_is_left_out(sums):
    found = ablation(sums, counted([1, 2, 0], [2, 0, 3]))
    assert found.prediction[:, 0].tolist() == [10, 8, 9]
    assert found.without["text"][:, 0].tolist() == [6, 0, 9]
    assert found.without["audio"][:, 0].tolist() == [4, 8, 0]


def test_of_a_sum_each_modality_has_its_part(sums):
    found = shapley_values(sums, counted([1, 2, 0], [2, 0, 3]))
    assert found.values["text"].tolist() == [4, 8, 0]
    assert found.values["audio"].tolist() == [6, 0, 9]
    assert found.base.tolist() == [0, 0, 0]


def test_batches_change_nothing(sums):
    inputs = counted(list(range(1, 8)), [2] * 7)
    whole, parts = (shapley_values(sums, inputs, batch_size=b) for b in (32, 3))
    for m in whole.values:
        assert whole.values[m].tolist() == parts.values[m].tolist()


@pytest.mark.once  # it is made of predictions, which agree on every backend
@pytest.mark.parametrize("name", SYSTEMS)
def test_what_modalities_add_leads_from_nothing_to_the_prediction(name):
    model, inputs = small_system(name), small_inputs(name)
    found = shapley_values(model, inputs)
    total = found.base + sum(found.values.values())
    np.testing.assert_allclose(total, found.prediction, atol=1e-6)
    predicted = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(found.prediction, predicted.max(axis=-1), atol=1e-5)
    assert not found.values["audio"][1].any()
    assert found.values["text"][1].any()


def test_the_output_may_be_chosen_for_all_rows_or_for_each():
    model, inputs = small_system("DeepMSIMER"), small_inputs("DeepMSIMER")
    one, each = (shapley_values(model, inputs, output) for output in (2, [2, 0, 1]))
    assert one.prediction[0] == each.prediction[0]
    assert each.output.tolist() == [2, 0, 1]
    with pytest.raises(ValueError, match="has the outputs 0 to 2; received output=3"):
        shapley_values(model, inputs, 3)
    with pytest.raises(ValueError, match="one for each of the 3 rows; received"):
        shapley_values(model, inputs, [0, 1])


def test_inputs_without_masks_are_refused(sums):
    with pytest.raises(ValueError, match="a mask beside each modality; received text"):
        ablation(sums, {"text": np.ones((1, 2, 4), "float32")})


def test_a_model_with_a_fusion_of_another_kind_is_read_by_hiding():
    model = EFLSTM({"text": 6, "audio": 4}, units=4, num_layers=1, steps=5, align=True)
    inputs = small_inputs("EFLSTM")
    parts = shares(model, inputs)
    np.testing.assert_allclose(parts["text"] + parts["audio"], 1, atol=1e-6)


def test_a_table_shares_the_figures_of_a_data_set():
    data = dataset()
    model = CMMSF({m: rows.dim for m, rows in data.features.items()}, units=4, num_heads=2)
    table = ablation_table(model, data, protocol="mosi")
    assert list(table.without) == list(table.shapley) == ["text", "audio"]
    added = sum(values["mae"] for values in table.shapley.values())
    assert table.nothing["mae"] + added == pytest.approx(table.whole["mae"])
    assert table.without["audio"] != table.whole
    alone = ablation_table(model, data, protocol="mosi", trained=["text"])
    assert alone.without == {"text": table.nothing}
    with pytest.raises(ValueError, match="none that the model was trained on"):
        ablation_table(model, data, protocol="mosi", trained=[])
