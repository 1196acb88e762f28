import keras
import numpy as np
import pytest
from layer_test import call, run_layer_test, to_numpy

from keras_mer.layers import BidirectionalLSTM

RNG = np.random.default_rng(0)
LENGTHS = np.array([7, 1, 4, 0])
MASK = np.arange(7) < LENGTHS[:, None]
SEQUENCE = RNG.normal(size=(4, 7, 5)).astype("float32")
INPUTS = {"sequence": SEQUENCE, "mask": MASK}


def stock(layer, return_sequences=True):
    """Keras's own bidirectional layer with the weights of ours."""
    lstm = keras.layers.LSTM(layer.units, return_sequences=return_sequences)
    theirs = keras.layers.Bidirectional(lstm)
    theirs.build((None, None, SEQUENCE.shape[-1]))
    cells = (theirs.forward_layer.cell, theirs.backward_layer.cell)
    for cell, weights in zip(cells, (layer.forward_weights, layer.backward_weights), strict=True):
        for variable, weight in zip(cell.trainable_weights, weights, strict=True):
            variable.assign(weight)
    return theirs


@pytest.fixture
def layer():
    layer = BidirectionalLSTM(3, bias_initializer="normal")
    layer.build(SEQUENCE.shape)
    return layer


def test_contract():
    make = lambda **kwargs: BidirectionalLSTM(3, **kwargs)  # noqa: E731
    run_layer_test(make, INPUTS, weights=6, masked={"sequence": "mask"})


def test_last_states_contract():
    make = lambda **kwargs: BidirectionalLSTM(3, return_sequences=False, **kwargs)  # noqa: E731
    run_layer_test(make, INPUTS, weights=6, masked={"sequence": "mask"})


def test_equals_the_masked_stock_layer(layer):
    expected = to_numpy(stock(layer)(SEQUENCE, mask=keras.ops.convert_to_tensor(MASK)))
    output = call(layer, INPUTS)
    np.testing.assert_allclose(output[MASK], expected[MASK], atol=1e-6)
    assert (output[~MASK] == 0).all()


def test_equals_the_stock_layer_without_a_mask(layer):
    expected = to_numpy(stock(layer)(SEQUENCE))
    np.testing.assert_allclose(call(layer, {"sequence": SEQUENCE}), expected, atol=1e-6)


@pytest.mark.parametrize("mask", [MASK[:3], None])
def test_last_states_equal_the_stock_layer(layer, mask):
    theirs = stock(layer, return_sequences=False)
    layer.return_sequences = False
    inputs = {"sequence": SEQUENCE[:3]}
    if mask is not None:
        inputs["mask"] = mask
    expected = call(theirs, inputs)
    np.testing.assert_allclose(call(layer, inputs), expected, atol=1e-6)


def test_a_missing_row_gives_zeros(layer):
    layer.return_sequences = False
    assert (call(layer, INPUTS)[3] == 0).all()


def test_padding_changes_nothing(layer):
    padded = np.pad(SEQUENCE, ((0, 0), (0, 6), (0, 0)), constant_values=np.inf)
    mask = np.pad(MASK, ((0, 0), (0, 6)))
    longer = call(layer, {"sequence": padded, "mask": mask})
    np.testing.assert_allclose(longer[:, :7], call(layer, INPUTS), atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_exports_to_onnx(layer, tmp_path):
    """Keras's own bidirectional layer cannot be exported from every backend; ours must be."""
    onnxruntime = pytest.importorskip("onnxruntime")
    if keras.backend.backend() == "jax":
        pytest.importorskip("jax2onnx")
    sequence, mask = keras.Input((7, 5), name="sequence"), keras.Input((7,), dtype="bool", name="m")
    model = keras.Model([sequence, mask], layer(sequence, mask=mask))
    expected = to_numpy(model([SEQUENCE, MASK]))
    model.export(str(tmp_path / "model.onnx"), format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = [i.name for i in session.get_inputs()]
    (output,) = session.run(None, dict(zip(names, (SEQUENCE[:3], MASK[:3]), strict=True)))
    np.testing.assert_allclose(output, expected[:3], atol=1e-6)
