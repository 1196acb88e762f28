import keras
import numpy as np
import pytest
from layer_test import call, check_drop_in, run_layer_test, to_numpy

from keras_mer.layers import ResidualGatingCell, ResidualGatingNetwork, _backend

RNG = np.random.default_rng(0)
STEPS = 11
MASK = np.arange(STEPS) < np.array([11, 1, 6, 0])[:, None]
SEQUENCE = RNG.normal(size=(4, STEPS, 5)).astype("float32")
# A step of zeros makes m = 0, where bounds and values of the scan tie.
SEQUENCE[0, 4] = 0
INPUTS = {"sequence": SEQUENCE, "mask": MASK}


@pytest.fixture(params=[True, False], ids=["loop", "scan"])
def both_ways(request, monkeypatch):
    """What a CPU does, and what an accelerator does."""
    monkeypatch.setattr(_backend, "loop_pays", lambda: request.param)


def strong(layer):
    """Weights that remember with either sign and for long, the same on every backend."""
    rng = np.random.default_rng(1)
    layer.build(SEQUENCE.shape)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape).astype("float32"))
        if weight.name == "bias":
            weight.assign(np.zeros(weight.shape, "float32"))
    return layer


def step_by_step(layer, direction):
    """The same cell in Keras's own recurrent layer."""
    cell = ResidualGatingCell.from_config(layer.cells[direction].get_config())
    cell.build((None, SEQUENCE.shape[-1]))
    for mine, theirs in zip(cell.weights, layer.cells[direction].weights, strict=True):
        mine.assign(np.array(to_numpy(theirs)))
    options = {"return_sequences": True, "go_backwards": direction == "backward"}
    return keras.layers.RNN(cell, **options)


@pytest.mark.parametrize(
    "options", [{}, {"direction": "both", "merge": "concat", "return_sequences": True}]
)
def test_contract(options):
    make = lambda **kwargs: ResidualGatingNetwork(3, **options, **kwargs)  # noqa: E731
    run_layer_test(make, INPUTS, weights=8, masked={"sequence": "mask"})


def test_gates_are_told_on_request():
    layer = strong(ResidualGatingNetwork(3))
    output, gates = call(layer, INPUTS, return_gates=True)
    np.testing.assert_allclose(output, call(layer, INPUTS), atol=1e-6)
    assert set(gates) == {"forward", "backward"}
    for direction, cell in layer.cells.items():
        kernel, bias, forget_kernel, forget_bias = (
            to_numpy(getattr(cell, name))
            for name in ("kernel", "bias", "forget_kernel", "forget_bias")
        )
        x = np.where(MASK[..., None], SEQUENCE, 0) @ kernel[:, :9] + bias
        remember = np.tanh(np.maximum(x[..., :3], 0) @ forget_kernel + forget_bias)
        learn = 1 / (1 + np.exp(-x[..., 3:6]))
        for name, expected in (("remember", remember), ("learn", learn)):
            expected = np.where(MASK[..., None], expected, 0)
            np.testing.assert_allclose(gates[direction][name], expected, atol=1e-5)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_equals_the_cell_step_by_step(direction):
    layer = strong(ResidualGatingNetwork(6, direction, return_sequences=True))
    expected = call(step_by_step(layer, direction), {"sequence": SEQUENCE})
    if direction == "backward":
        expected = expected[:, ::-1]
    output = call(layer, {"sequence": SEQUENCE})
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-5)
    # Not a test of zeros: some steps are above their residual, some at it.
    residual = to_numpy(layer.cells[direction].gates(keras.ops.convert_to_tensor(SEQUENCE))[2])
    assert 0.2 < (output > residual + 1e-6).mean() < 0.8


@pytest.mark.usefixtures("both_ways")
def test_gradients_equal_those_of_the_cell_step_by_step():
    """One step of gradient descent moves the weights of both alike, masked steps included."""
    layer = strong(ResidualGatingNetwork(6, "forward", return_sequences=True))
    theirs = step_by_step(layer, "forward")
    stepped = []
    for recurrent in (layer, theirs):
        x, mask = keras.Input((STEPS, 5)), keras.Input((STEPS,), dtype="bool")
        states = recurrent(x, mask=mask)
        real = keras.ops.expand_dims(keras.ops.cast(mask, states.dtype), -1)
        model = keras.Model([x, mask], keras.ops.sum(states * real, axis=1))
        model.compile(keras.optimizers.SGD(0.1), "mse")
        before = [to_numpy(w) for w in model.weights]
        model.fit([SEQUENCE, MASK], np.ones((4, 6), "float32"), batch_size=4, verbose=0)
        stepped.append([to_numpy(w) - b for w, b in zip(model.weights, before, strict=True)])
    assert all(abs(step).max() > 1e-3 for step in stepped[0])
    for mine, expected in zip(*stepped, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-5)


def test_both_directions_are_added_or_joined():
    layer = strong(ResidualGatingNetwork(6))
    ways = layer.states(keras.ops.convert_to_tensor(SEQUENCE))
    forward, backward = to_numpy(ways["forward"])[:, -1], to_numpy(ways["backward"])[:, 0]
    np.testing.assert_allclose(call(layer, {"sequence": SEQUENCE}), forward + backward, rtol=1e-6)
    layer.merge = "concat"
    joined = call(layer, {"sequence": SEQUENCE})
    np.testing.assert_allclose(joined, np.concatenate([forward, backward], axis=1), rtol=1e-6)


@pytest.mark.usefixtures("both_ways")
def test_padding_changes_nothing():
    layer = strong(ResidualGatingNetwork(6))
    padded = np.pad(SEQUENCE, ((0, 0), (0, 6), (0, 0)), constant_values=np.inf)
    longer = call(layer, {"sequence": padded, "mask": np.pad(MASK, ((0, 0), (0, 6)))})
    np.testing.assert_allclose(longer, call(layer, INPUTS), rtol=1e-5, atol=1e-5)
    short = call(layer, {"sequence": SEQUENCE[2:3, :6]})
    np.testing.assert_allclose(longer[2:3], short, rtol=1e-5, atol=1e-5)
    assert (longer[3] == 0).all()


@pytest.mark.usefixtures("both_ways")
def test_long_and_large_sequences_stay_exact():
    rng = np.random.default_rng(2)
    sequence = (rng.normal(size=(2, 300, 5)) * 1e3).astype("float32")
    layer = strong(ResidualGatingNetwork(6, "forward"))
    m, u, residual = (to_numpy(g) for g in layer.cells["forward"].gates(sequence))
    state = np.zeros((2, 6))
    for t in range(300):
        state = residual[:, t] + np.maximum(0, m[:, t] * state + u[:, t])
    np.testing.assert_allclose(call(layer, {"sequence": sequence}), state, rtol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_near(policy):
    exact = ResidualGatingNetwork(6)
    layer = strong(ResidualGatingNetwork(6, dtype=policy))
    strong(exact)
    scale = abs(call(exact, INPUTS)).max()
    np.testing.assert_allclose(call(layer, INPUTS), call(exact, INPUTS), atol=0.03 * scale)


@pytest.mark.usefixtures("both_ways")
def test_batches_of_different_lengths():
    """A data set of its own lengths, for which TensorFlow traces an unknown number of steps."""

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return (SEQUENCE[:, : STEPS - 3 * index],)

    layer = strong(ResidualGatingNetwork(6))
    x = keras.Input((None, 5))
    predicted = keras.Model(x, layer(x)).predict(Batches(), verbose=0)
    expected = [call(layer, {"sequence": SEQUENCE[:, :steps]}) for steps in (STEPS, STEPS - 3)]
    np.testing.assert_allclose(predicted, np.concatenate(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("steps", [None, STEPS])
def test_reads_two_modalities_in_place_of_another_recurrent_layer(steps):
    """The length may be open or fixed, which TensorFlow scans in different ways."""
    image, sound = keras.Input((steps, 5), name="image"), keras.Input((steps, 5), name="sound")
    joined = keras.layers.Concatenate()([image, sound])
    model = keras.Model([image, sound], keras.layers.Dense(1)(ResidualGatingNetwork(4)(joined)))
    inputs = {"image": SEQUENCE, "sound": SEQUENCE[::-1].copy()}
    check_drop_in(model, inputs, np.ones((4, 1), "float32"))


def test_the_cell_replaces_that_of_a_recurrent_layer():
    x = keras.Input((None, 5), name="x")
    read = keras.layers.RNN(ResidualGatingCell(4))(x)
    model = keras.Model({"x": x}, keras.layers.Dense(1)(read))
    check_drop_in(model, {"x": SEQUENCE}, np.ones((4, 1), "float32"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "units of 1 or more; received 0"),
        ({"direction": "up"}, "forward, backward, both; received 'up'"),
        ({"merge": "mul"}, "sum, concat; received 'mul'"),
    ],
)
def test_refuses_what_it_does_not_know(options, message):
    with pytest.raises(ValueError, match=message):
        ResidualGatingNetwork(**{"units": 4, **options})
