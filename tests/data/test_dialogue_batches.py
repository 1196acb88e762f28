import numpy as np
import pytest

from keras_mer.data import Dataset, DialogueBatches, Ragged

pytestmark = pytest.mark.once

DIALOGUES = ["b", "a", "b", "a", "b", "c"]
POSITIONS = [2, 0, 0, 1, 1, 0]


def utterances():
    """Six utterances whose number is in every feature; the third has no sound."""
    text = [np.full((1 + i % 3, 2), i + 1.0) for i in range(6)]
    text[0][0] += 1  # a mean of 1 + 1/1 over one step
    audio = [np.full((1, 3), i + 1.0) if i != 2 else np.zeros((0, 3)) for i in range(6)]
    return {"text": Ragged.from_list(text), "audio": Ragged.from_list(audio)}


def batches(**options):
    return DialogueBatches(utterances(), np.arange(6), DIALOGUES, POSITIONS, **options)


def test_a_row_is_a_dialogue_in_its_order_and_a_step_the_mean_of_an_utterance():
    inputs, labels, _ = batches(batch_size=3)[0]
    assert inputs["text"][..., 0].tolist() == [[3, 5, 2], [2, 4, 0], [6, 0, 0]]
    assert labels[..., 0].tolist() == [[2, 4, 0], [1, 3, 0], [5, 0, 0]]
    assert inputs["text_mask"].tolist() == [[1, 1, 1], [1, 1, 0], [1, 0, 0]]
    assert inputs["audio_mask"].tolist() == [[0, 1, 1], [1, 1, 0], [1, 0, 0]]
    assert not inputs["audio"][0, 0].any()


def test_the_weighted_mean_is_that_of_the_utterances():
    _, labels, weights = batches(batch_size=3)[0]
    assert (weights[labels[..., 0] > 0] > 0).all()
    assert (weights * labels[..., 0]).mean() == pytest.approx(np.arange(6).mean())


def test_an_utterance_counts_by_its_own_weight():
    own = np.array([1.0, 2.0, 0.0, 1.0, 3.0, 1.0])
    _, labels, plain = batches(batch_size=3)[0]
    _, _, weights = batches(batch_size=3, sample_weights=own)[0]
    real = plain > 0
    np.testing.assert_allclose(weights[real], plain[real] * own[labels[..., 0][real]])
    assert not weights[~real].any()


def test_an_utterance_without_a_label_is_read_and_does_not_count():
    labelled = np.array([True, False, True, True, False, True])
    given, _, _ = batches(batch_size=3)[0]
    inputs, labels, weights = batches(batch_size=3, labelled=labelled)[0]
    for name, array in given.items():
        np.testing.assert_array_equal(inputs[name], array)
    assert labels[..., 0].tolist() == [[2, 0, 0], [0, 3, 0], [5, 0, 0]]
    assert ((weights > 0) == (np.array([[1, 0, 1], [0, 1, 0], [1, 0, 0]]) > 0)).all()
    assert (weights * labels[..., 0]).mean() == pytest.approx(np.mean([0, 2, 3, 5]))
    alone = batches(batch_size=1, labelled=np.arange(6) != 5)
    assert not alone[2][2].any()


def test_predictions_come_back_in_the_order_of_the_utterances():
    whole = batches(batch_size=2)
    assert len(whole) == 2
    predicted = np.concatenate([labels for _, labels, _ in (whole[0], whole[1])])
    more = np.pad(predicted, [(0, 1), (0, 2), (0, 0)])
    assert whole.utterances(more)[:, 0].tolist() == list(range(6))


def test_shuffled_batches_hold_every_utterance_once_with_its_own_label():
    shuffled = batches(batch_size=1, shuffle=True, seed=3)
    seen = []
    for index in range(len(shuffled)):
        inputs, labels, weights = shuffled[index]
        real = weights > 0
        seen += labels[real][:, 0].tolist()
        own = labels[real][:, 0] + 1 + (labels[real][:, 0] == 0)
        np.testing.assert_allclose(inputs["text"][real][:, 0], own)
    assert sorted(seen) == list(range(6))


def test_a_modality_may_keep_its_steps():
    whole, _, _ = batches(batch_size=3)[0]
    inputs, _, _ = batches(batch_size=3, steps=["text"], round_to=1)[0]
    assert inputs["text"].shape == (3, 3, 3, 2)
    assert inputs["text_mask"].sum(-1).tolist() == [[3, 2, 1], [2, 1, 0], [3, 0, 0]]
    there = inputs["text_mask"].any(-1)
    np.testing.assert_array_equal(there, whole["text_mask"])
    sums = inputs["text"].sum(2) / np.maximum(inputs["text_mask"].sum(-1), 1)[..., None]
    np.testing.assert_allclose(sums, whole["text"])
    np.testing.assert_array_equal(inputs["audio"], whole["audio"])


def test_steps_are_as_many_as_a_batch_needs_and_the_first_two_batches_differ():
    lengths = [3, 3, 3, 9, 2, 17]
    rows = {"text": Ragged.from_list([np.ones((n, 2)) for n in lengths])}
    made = DialogueBatches(rows, np.arange(6), list("abcdef"), batch_size=1, steps=["text"])
    assert [made[i][0]["text"].shape[2] for i in range(6)] == [8, 16, 8, 16, 8, 24]


def test_utterances_are_exchanged_one_by_one():
    whole = batches(batch_size=3, shuffle=True)[0][0]
    inputs, labels, _ = batches(batch_size=3, shuffle=True, exchange={"audio": 1.0})[0]
    np.testing.assert_array_equal(inputs["text"], whole["text"])
    real = whole["text_mask"]
    np.testing.assert_array_equal(inputs["audio_mask"][~real], False)
    # The third utterance has no sound, and whoever is given it has none.
    assert set(inputs["audio"][real][:, 0]) <= {0.0, 1.0, 2.0, 4.0, 5.0, 6.0}
    np.testing.assert_array_equal(inputs["audio"][real][:, 0] > 0, inputs["audio_mask"][real])
    assert (inputs["audio"] != whole["audio"]).any()
    assert sorted(labels[real].ravel()) == list(range(6))


def test_what_keeps_its_steps_is_not_exchanged():
    with pytest.raises(ValueError, match="text cannot keep its steps and be exchanged"):
        batches(batch_size=3, shuffle=True, exchange={"text": 0.5}, steps=["text"])


def test_a_data_set_knows_its_dialogues_by_column_or_by_group():
    given = {"labels": np.arange(6), "splits": ["train"] * 6}
    columns = {"dialogue": DIALOGUES, "position": POSITIONS}
    by_column = Dataset(utterances(), **given, columns=columns)
    assert by_column.dialogue_batches("train")[0][1].shape == (3, 3, 1)
    by_group = Dataset(utterances(), **given, groups=DIALOGUES)
    assert by_group.dialogue_batches("train")[0][1][0, :, 0].tolist() == [0, 2, 4]
