"""The harness itself: gradients, weight layouts, and that a wrong number is caught."""

import json

import golden
import keras
import numpy as np
import pytest
from keras import ops

RNG = np.random.default_rng(7)


def random(*shape):
    return RNG.normal(size=shape).astype("float32")


def test_gradients_of_variables_and_tensors():
    layer = keras.layers.Dense(3)
    layer.build((None, 4))
    x, unused = random(5, 4), keras.Variable(random(2))
    watched = [layer.kernel, ops.convert_to_tensor(x), layer.bias, unused]
    kernel, inputs, bias, nothing = golden.gradients(lambda x: ops.sum(layer(x) ** 2), watched)
    outputs = x @ layer.get_weights()[0]
    np.testing.assert_allclose(kernel, 2 * x.T @ outputs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(inputs, 2 * outputs @ layer.get_weights()[0].T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bias, 2 * outputs.sum(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(nothing, np.zeros(2))


def test_a_constant_has_no_gradient():
    (found,) = golden.gradients(lambda x: ops.convert_to_tensor(1e-8), [ops.ones((2, 2))])
    np.testing.assert_array_equal(found, np.zeros((2, 2)))


def test_gradients_of_a_gather_are_dense():
    def picked(table):
        return ops.sum(ops.take(table, ops.convert_to_tensor([1, 1]), axis=0))

    (found,) = golden.gradients(picked, [ops.ones((3, 2))])
    np.testing.assert_array_equal(found, [[0, 0], [2, 2], [0, 0]])


def fabricated(folder, arrays, gradient_of):
    """A case written to disk as the reference numbers are."""
    np.savez(folder / "case.npz", **arrays)
    described = {
        name: {"atol": 1e-5} if array.dtype.kind == "f" else {} for name, array in arrays.items()
    }
    entry = {
        "file": "case.npz",
        "component": "fabricated",
        "behaviour": "linear",
        "config": {},
        "rtol": {"out": 1e-5, "grad": 5e-5},
        "gradient_of": gradient_of,
        "arrays": described,
    }
    return golden.Case(folder, json.loads(json.dumps(entry)))


@pytest.fixture
def linear_case(tmp_path):
    x, weight, bias, cotangent = random(5, 4), random(3, 4), random(3), random(5, 3)
    y = x @ weight.T + bias
    arrays = {
        "in.x": x,
        "w.lin.weight": weight,
        "w.lin.bias": bias,
        "const.cotangent.y": cotangent,
        "out.y": y.astype("float64"),
        "out.best": y.argmax(axis=1),
        "out.total": np.sum(y, dtype="float64"),
        "grad.in.x": 2 * y @ weight + cotangent @ weight,
        "grad.w.lin.weight": (2 * y + cotangent).T @ x,
        "grad.w.lin.bias": (2 * y + cotangent).sum(axis=0),
        "grad.total.w.lin.bias": np.full(3, 5.0, "float32"),
    }
    terms = ["sum(out.y ** 2)", "sum(const.cotangent.y * out.y)"]
    return fabricated(tmp_path, arrays, {"": terms, "total": ["out.total"]})


def run_linear(case):
    layer = keras.layers.Dense(3)
    layer.build((None, 4))

    def forward(inputs, weights):
        y = layer(inputs["x"])
        return {"out.y": y, "out.best": ops.argmax(y, axis=-1), "out.total": ops.sum(y)}

    return golden.results(case, forward, golden.dense(layer, "lin"))


def test_outputs_and_gradients_of_a_case(linear_case):
    found = run_linear(linear_case)
    needed = {name for name in linear_case.arrays if name.startswith(("out.", "grad."))}
    assert set(found) == needed
    worst, failures = golden.compare(linear_case, found)
    assert not failures
    assert 0 < worst <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"out.y": None}, "case: out.y: the runner returned no such array"),
        ({"grad.w.lin.bias": None}, "case: grad.w.lin.bias: the runner returned no such array"),
        ({"out.y": lambda y: y + 1e-3}, "case: out.y: .* times the tolerance, off by up to 0.001"),
        ({"out.y": lambda y: y * np.nan}, "case: out.y: inf times the tolerance"),
        ({"out.y": lambda y: y[:1]}, r"case: out.y: shape \(1, 3\), expected \(5, 3\)"),
        ({"out.best": lambda ids: ids + 1}, "case: out.best: 5 of 5 values differ"),
        ({"grad.in.x": lambda g: g * 1.01}, "case: grad.in.x: .* times the tolerance"),
    ],
)
def test_a_wrong_array_is_named(linear_case, change, message):
    found = run_linear(linear_case)
    for name, alter in change.items():
        array = ops.convert_to_numpy(found.pop(name))
        if alter:
            found[name] = alter(array)
    worst, failures = golden.compare(linear_case, found)
    assert worst > 1
    assert len(failures) == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(failures[0])


def test_gradients_count_unless_the_runner_has_none(linear_case):
    outputs = {name: a for name, a in linear_case.arrays.items() if name.startswith("out.")}
    assert golden.compare(linear_case, outputs, gradients=False)[1] == []
    assert len(golden.compare(linear_case, outputs)[1]) == 4


def test_an_unknown_objective_is_refused():
    with pytest.raises(ValueError, match=r"cannot read: mean\(out.y\)"):
        golden.objective(["mean(out.y)"], {}, {})


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def loaded(layer, fill, weights):
    for variable, value in fill:
        variable.assign(value({name: ops.convert_to_tensor(a) for name, a in weights.items()}))
    return layer


def recurrent_weights(gates, units, dim):
    rows = gates * units
    return {
        "l0.w_ih": random(rows, dim),
        "l0.w_hh": random(rows, units),
        "l0.b_ih": random(rows),
        "l0.b_hh": random(rows),
    }


def test_lstm_layout():
    x, weights = random(2, 4, 3), recurrent_weights(4, 5, 3)
    layer = keras.layers.LSTM(5)
    layer.build(x.shape)
    h = c = np.zeros((2, 5), "float32")
    for step in x.transpose(1, 0, 2):
        rows = step @ weights["l0.w_ih"].T + weights["l0.b_ih"]
        rows = rows + h @ weights["l0.w_hh"].T + weights["l0.b_hh"]
        i, f, g, o = np.split(rows, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    found = ops.convert_to_numpy(loaded(layer, golden.lstm(layer, "l0"), weights)(x))
    np.testing.assert_allclose(found, h, rtol=1e-4, atol=1e-5)


def test_gru_layout():
    x, weights = random(2, 4, 3), recurrent_weights(3, 5, 3)
    layer = keras.layers.GRU(5, reset_after=True)
    layer.build(x.shape)
    h = np.zeros((2, 5), "float32")
    for step in x.transpose(1, 0, 2):
        r, z, n = np.split(step @ weights["l0.w_ih"].T + weights["l0.b_ih"], 3, axis=1)
        r_h, z_h, n_h = np.split(h @ weights["l0.w_hh"].T + weights["l0.b_hh"], 3, axis=1)
        r, z = sigmoid(r + r_h), sigmoid(z + z_h)
        h = (1 - z) * np.tanh(n + r * n_h) + z * h
    found = ops.convert_to_numpy(loaded(layer, golden.gru(layer, "l0"), weights)(x))
    np.testing.assert_allclose(found, h, rtol=1e-4, atol=1e-5)


def test_convolution_layout():
    x, weights = random(1, 3, 2), {"c.weight": random(4, 2, 3), "c.bias": random(4)}
    layer = keras.layers.Conv1D(4, 3)
    layer.build(x.shape)
    found = ops.convert_to_numpy(loaded(layer, golden.conv(layer, "c"), weights)(x))
    expected = np.einsum("oik,bki->bo", weights["c.weight"], x) + weights["c.bias"]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-4, atol=1e-5)

    x, weights = random(1, 2, 3, 2), {"c.weight": random(4, 2, 2, 3), "c.bias": random(4)}
    layer = keras.layers.Conv2D(4, (2, 3))
    layer.build(x.shape)
    found = ops.convert_to_numpy(loaded(layer, golden.conv(layer, "c"), weights)(x))
    expected = np.einsum("oihw,bhwi->bo", weights["c.weight"], x) + weights["c.bias"]
    np.testing.assert_allclose(found[:, 0, 0], expected, rtol=1e-4, atol=1e-5)
