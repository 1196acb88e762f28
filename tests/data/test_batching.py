import itertools

import keras
import numpy as np
import pytest

from keras_mer.data import Batches, Ragged, pad


def uneven(rows=300, seed=0):
    """Text, and audio about three times as long; the label of a row is its number."""
    generator = np.random.default_rng(seed)
    words = generator.integers(0, 45, rows)
    words[:2] = 0, 44
    lengths = {"text": words, "audio": 3 * words + generator.integers(0, 9, rows)}
    features = {
        name: Ragged.from_list([generator.normal(size=(n, 2)) for n in lengths[name]])
        for name in lengths
    }
    return features, np.arange(rows, dtype="float32")


def flat(lists):
    return list(itertools.chain.from_iterable(lists))


def seen(batches):
    return [batches[i][1].tolist() for i in range(len(batches))]


def shapes(batches):
    return {
        (inputs["text"].shape[1], inputs["audio"].shape[1])
        for inputs, _ in (batches[i] for i in range(len(batches)))
    }


def test_pad():
    values, mask = pad([[[1.0], [2.0], [3.0]], None], length=2)
    assert values[..., 0].tolist() == [[1, 2], [0, 0]]
    assert mask.tolist() == [[True, True], [False, False]]
    values, mask = pad([None, None], dim=3)
    assert values.shape == (2, 1, 3)
    assert not mask.any()
    with pytest.raises(ValueError, match="length must be 1 or more"):
        pad([[1.0]], length=0)


@pytest.mark.parametrize("shuffle", [False, True])
def test_every_row_is_served_once_with_its_own_features(shuffle):
    features, labels = uneven()
    batches = Batches(features, labels, 32, shuffle=shuffle)
    assert len(batches) == 10
    served = []
    for inputs, batch in batches:
        for place, row in enumerate(batch.astype(int)):
            for name, rows in features.items():
                real = inputs[name][place][inputs[f"{name}_mask"][place]]
                np.testing.assert_array_equal(real, rows[row])
        served += batch.tolist()
    assert sorted(served) == labels.tolist()
    assert len(batches[9][1]) == 300 - 9 * 32


def test_unshuffled_batches_keep_the_order_and_one_shape():
    features, labels = uneven()
    batches = Batches(features, labels, 32)
    longest = tuple(rows.lengths.max() for rows in features.values())
    assert flat(seen(batches)) == labels.tolist()
    assert shapes(batches) == {longest}


def test_batches_by_length_are_padded_less_and_their_results_can_be_put_in_order():
    features, labels = uneven()
    batches = Batches(features, labels, 16, by_length=True)
    served = flat(seen(batches))
    assert sorted(served) == labels.tolist()
    np.testing.assert_array_equal(batches.in_order(served), labels)
    cells = sum(inputs["text_mask"].size for inputs, _ in batches)
    assert cells < 0.7 * len(labels) * features["text"].lengths.max()
    assert 4 < len(shapes(batches)) <= 8


def test_the_first_two_batches_by_length_share_no_dimension_that_another_differs_in():
    features, labels = uneven()
    first, second, *others = (
        inputs["text"].shape[1] for inputs, _ in Batches(features, labels, 16, by_length=True)
    )
    assert first < second
    assert max(others) <= second


def test_shuffled_batches_have_few_shapes_the_same_in_every_epoch():
    features, labels = uneven(rows=2000)
    batches = Batches(features, labels, 16, shuffle=True)
    first = shapes(batches)
    assert 2 <= len(first) <= 8
    for epoch in (1, 2):
        batches.epoch = epoch
        assert shapes(batches) == first
    steps = sum(inputs["audio_mask"].size for inputs, _ in batches)
    assert steps < 1.25 * features["audio"].lengths.sum()


def test_the_first_two_batches_differ_wherever_any_do():
    """Keras on TensorFlow takes for fixed what its first two batches have in common."""
    features, labels = uneven()
    features["video"] = Ragged.from_list(np.ones((300, 1)))
    batches = Batches(features, labels, 8, shuffle=True)
    for epoch in range(20):
        batches.epoch = epoch
        (short, _), (long, _) = batches[0], batches[1]
        assert short["text"].shape[1] < long["text"].shape[1]
        assert short["audio"].shape[1] < long["audio"].shape[1]
        assert short["video"].shape == long["video"].shape == (8, 1, 1)


def test_rows_of_one_step_are_not_padded_but_fully_shuffled():
    rows = Ragged.from_list(np.arange(200.0)[:, None])
    batches = Batches({"text": rows}, np.arange(200), 10, shuffle=True)
    assert {inputs["text"].shape for inputs, _ in batches} == {(10, 1, 1)}
    assert np.ptp(batches[0][1]) > 50


def test_an_epoch_has_its_order_whatever_came_before():
    features, labels = uneven()
    through = Batches(features, labels, 32, shuffle=True, seed=4)
    orders = []
    for epoch in range(3):
        through.epoch = epoch
        orders.append(seen(through))
    assert orders[0] != orders[1] != orders[2]
    resumed = Batches(features, labels, 32, shuffle=True, seed=4)
    resumed.epoch = 2
    assert seen(resumed) == orders[2]
    assert seen(Batches(features, labels, 32, shuffle=True, seed=5)) != orders[0]


def numbered(rows=200):
    """Rows of one step, whose number is in both modalities."""
    features = {name: Ragged.from_list(np.arange(rows, dtype="float32")[:, None]) for name in "ab"}
    return features, np.arange(rows)


def sources(batches, name):
    """The rows that a modality was taken from, and the rows that had it."""
    served = [batches[i] for i in range(len(batches))]
    taken = np.concatenate([inputs[name][:, 0, 0] for inputs, _ in served]).astype(int)
    return taken, np.concatenate([labels for _, labels in served])


@pytest.mark.parametrize("workers", [0, 2])
def test_an_exchanged_modality_is_mostly_that_of_other_rows(workers):
    batches = Batches(*numbered(), 16, shuffle=True, exchange={"a": 0.8}, workers=workers)
    taken, rows = sources(batches, "a")
    assert 0.7 < np.mean(taken != rows) < 0.9
    assert len(set(taken[taken != rows])) > 60
    np.testing.assert_array_equal(*sources(batches, "b"))
    again, _ = sources(batches, "a")
    np.testing.assert_array_equal(again, taken)
    batches.epoch = 1
    later = dict(zip(*reversed(sources(batches, "a")), strict=True))
    assert np.mean([later[row] != source for row, source in zip(rows, taken, strict=True)]) > 0.7


def test_nothing_is_exchanged_in_what_is_predicted():
    batches = Batches(*numbered(), 16, exchange={"a": 1.0})
    np.testing.assert_array_equal(*sources(batches, "a"))


def test_max_length_and_weights():
    features, labels = uneven()
    weights = np.linspace(0, 1, 300)
    batches = Batches(
        features, labels, 32, shuffle=True, max_length=10, sample_weights=weights, bucket=False
    )
    inputs, rows, weight = batches[3]
    assert inputs["audio"].shape == (32, 10, 2)
    np.testing.assert_array_equal(weight, weights.astype("float32")[rows.astype(int)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": np.ones(2)}, "received text 3, labels 2"),
        ({"batch_size": 0}, "batch_size must be 1 or more; received 0"),
        ({"round_to": 0}, "round_to must be 1 or more"),
        ({"max_length": 0}, "max_length must be 1 or more"),
        ({"features": {}}, "one or more modalities"),
        ({"sample_weights": [1.0]}, "sample_weights 1"),
        ({"exchange": {"audio": 0.5}}, "exchange names 'audio'; the modalities are text"),
        ({"exchange": {"text": 1.5}}, "exchange of text must be a share from 0 to 1; received 1.5"),
        ({"exchange": 0.5}, "exchange must be a share by modality, such as audio = 0.9; received"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    given = {"features": {"text": Ragged.from_list(np.ones((3, 2)))}, "labels": np.ones(3)}
    with pytest.raises(ValueError, match=message):
        Batches(**({"batch_size": 2} | given | arguments))


class Served(Batches):
    """Notes the epoch and the rows of every batch that is asked for."""

    def __getitem__(self, index):
        batch = super().__getitem__(index)
        self.log.append((self.epoch, batch[1].tolist()))
        return batch


class Summed(keras.layers.Layer):
    """The masked sum over time, of both modalities."""

    def call(self, inputs):
        return sum(
            keras.ops.sum(
                keras.ops.where(inputs[f"{name}_mask"][..., None], inputs[name], 0.0), axis=1
            )
            for name in ("text", "audio")
        )


def model():
    inputs = {}
    for name in ("text", "audio"):
        inputs[name] = keras.Input((None, 2), name=name)
        inputs[f"{name}_mask"] = keras.Input((None,), dtype="bool", name=f"{name}_mask")
    built = keras.Model(inputs, keras.layers.Dense(1)(Summed()(inputs)))
    built.compile("sgd", "mse")
    built.optimizer.learning_rate = 1e-9
    return built


@pytest.mark.parametrize("workers", [0, 2])
def test_fit_sees_an_order_of_its_own_in_each_epoch(workers):
    features, labels = uneven(rows=150)
    batches = Served(features, labels, 8, shuffle=True, workers=workers)
    batches.log = []
    trained = model()
    epochs = []
    note = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: epochs.append(batches.epoch))
    trained.fit(batches, epochs=2, shuffle=False, verbose=0, callbacks=[note])
    trained.fit(batches, epochs=3, initial_epoch=2, shuffle=False, verbose=0, callbacks=[note])
    assert epochs == [0, 1, 2]
    assert batches.epoch == 3
    for epoch in range(3):
        served = {tuple(rows) for seen_in, rows in batches.log if seen_in == epoch}
        assert sorted(flat(served)) == labels.tolist()


def test_predict_follows_the_rows():
    features, labels = uneven(rows=50)
    trained = model()
    predicted = trained.predict(Batches(features, labels, 8), verbose=0)
    text, text_mask = pad(features["text"])
    audio, audio_mask = pad(features["audio"])
    inputs = {"text": text, "text_mask": text_mask, "audio": audio, "audio_mask": audio_mask}
    np.testing.assert_allclose(predicted, trained.predict(inputs, verbose=0), atol=1e-4)
