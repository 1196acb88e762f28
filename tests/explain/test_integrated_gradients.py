"""Importance of time steps: known answers, the systems, and one set of numbers for all backends."""

import numpy as np
import pytest
from small_systems import SYSTEMS, small_inputs, small_system
from tiny_predictor import sums_model

from keras_mer.explain import integrated_gradients
from keras_mer.explain._gradients import input_gradients


def test_of_a_sum_each_step_has_its_own_part():
    inputs = {
        "text": np.arange(12, dtype="float32").reshape(1, 3, 4),
        "text_mask": np.array([[True, True, False]]),
        "audio": np.ones((1, 2, 3), "float32"),
        "audio_mask": np.zeros((1, 2), bool),
    }
    found = integrated_gradients(sums_model(), inputs, steps=3, baseline={"text": 1})
    np.testing.assert_allclose(found.importance["text"], [[2, 18, 0]], rtol=1e-6)
    assert found.importance["audio"].tolist() == [[0, 0]]
    np.testing.assert_allclose(found.baseline + 20, found.prediction)
    np.testing.assert_allclose(found.residual, 0, atol=1e-5)


@pytest.mark.once  # that gradients agree on every backend is held below
@pytest.mark.parametrize("name", SYSTEMS)
def test_steps_sum_to_the_prediction_the_better_the_more_points(name):
    model, inputs = small_system(name), small_inputs(name)
    few, many = (integrated_gradients(model, inputs, steps=steps) for steps in (4, 64))
    total = many.baseline + sum(x.sum(axis=1) for x in many.importance.values()) + many.residual
    np.testing.assert_allclose(total, many.prediction, atol=1e-6)
    moved = np.abs(many.prediction - many.baseline).max()
    assert np.abs(many.residual).max() < 0.03 * moved
    assert np.abs(many.residual).max() < np.abs(few.residual).max()
    for m, importance in many.importance.items():
        assert np.isfinite(importance).all()
        assert not importance[~inputs[f"{m}_mask"]].any()


EXPECTED = {
    "CMMSF": [-0.001435, -0.005309, 0.001403, -0.003026, 0.000756, -0.018533, 0.004484, 0.003659],
    "MSRG": [0.000176, -0.001325, -6.2e-05, 0.000216, 0.001492, 0.003561, 0.005059, -0.012159],
    "DialogueModel": [
        -0.001223,
        -0.005041,
        -3.6e-05,
        -0.004873,
        -0.111773,
        -1.2e-05,
        -2.1e-05,
        2.9e-05,
        2e-06,
        -0.002687,
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_backends_agree(name):
    """The numbers are those of PyTorch; each backend is held to them."""
    found = integrated_gradients(small_system(name), small_inputs(name), steps=8, output=1)
    steps = np.concatenate([found.importance[m][0] for m in ("text", "audio")])
    np.testing.assert_allclose(steps, EXPECTED[name], atol=2e-6)


def test_gradients_are_those_of_small_differences():
    model, inputs = small_system("CMMSF"), small_inputs("CMMSF")
    inputs = {name: np.nan_to_num(x) for name, x in inputs.items()}
    moving = {"text": inputs.pop("text"), "audio": inputs.pop("audio")}
    weights = np.array([[1.0, 0, 0], [0, 2.0, 0], [0, 0, 0]])
    gradient = input_gradients(model, moving, inputs, weights)

    def total(step):
        moved = moving["text"].copy()
        moved[0, 2, 3] += step
        predicted = model.predict({**moving, **inputs, "text": moved}, verbose=0)
        return (predicted * weights).sum()

    slope = (total(0.01) - total(-0.01)) / 0.02
    assert gradient["text"][0, 2, 3] == pytest.approx(slope, rel=0.01, abs=1e-5)
    assert not gradient["text"][2].any()


def test_in_a_dialogue_one_utterance_is_explained_by_all():
    model, inputs = small_system("DialogueModel"), small_inputs("DialogueModel")
    last, named = (
        integrated_gradients(model, inputs, steps=8, output=0, utterance=u)
        for u in (None, [4, 3, 0])
    )
    assert named.importance["text"].tolist() == last.importance["text"].tolist()
    first = integrated_gradients(model, inputs, steps=8, output=0, utterance=0)
    assert first.prediction[0] != last.prediction[0]
    assert last.importance["text"][0, 0] != 0
    with pytest.raises(ValueError, match="utterances 0 to 4; received utterance=5"):
        integrated_gradients(model, inputs, utterance=5)


def test_arguments_that_mean_nothing_are_refused():
    model, inputs = small_system("DeepMSIMER"), small_inputs("DeepMSIMER")
    with pytest.raises(ValueError, match="`steps` must be 1 or more; received 0"):
        integrated_gradients(model, inputs, steps=0)
    with pytest.raises(ValueError, match="leave utterance out"):
        integrated_gradients(model, inputs, utterance=0)
    with pytest.raises(ValueError, match="baseline of text must be a number or broadcast"):
        integrated_gradients(model, inputs, baseline={"text": np.zeros(5)})
