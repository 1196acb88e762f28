"""The recurrent layers hold to the numbers of Keras's own masked layers, on every backend."""

import keras
import numpy as np
import pytest
from layer_test import call, check_drop_in, run_layer_test, to_numpy

from keras_mer.layers import BidirectionalGRU, BidirectionalLSTM, MaskedGRU

RNG = np.random.default_rng(0)
LENGTHS = np.array([7, 1, 4, 0])
MASK = np.arange(7) < LENGTHS[:, None]
SEQUENCE = RNG.normal(size=(4, 7, 5)).astype("float32")
INPUTS = {"sequence": SEQUENCE, "mask": MASK}

every_layer = pytest.mark.parametrize("kind", [BidirectionalLSTM, BidirectionalGRU, MaskedGRU])


def made(kind, **kwargs):
    layer = kind(3, bias_initializer="normal", **kwargs)
    layer.build(SEQUENCE.shape)
    return layer


def stock(layer):
    """Keras's own layer with the weights of ours."""
    kind = keras.layers.LSTM if layer.kind == "lstm" else keras.layers.GRU
    theirs = kind(layer.units, return_sequences=layer.return_sequences)
    directions = [layer.forward_weights]
    if len(layer.directions) == 2:
        theirs = keras.layers.Bidirectional(theirs)
        directions.append(layer.backward_weights)
    theirs.build((None, None, SEQUENCE.shape[-1]))
    variables = [v for weights in directions for v in weights]
    for variable, weight in zip(theirs.trainable_weights, variables, strict=True):
        variable.assign(weight)
    return theirs


@every_layer
def test_contract(kind):
    weights = 3 * len(kind.directions)
    run_layer_test(lambda **k: kind(3, **k), INPUTS, weights, masked={"sequence": "mask"})


def test_contract_with_the_last_states():
    make = lambda **k: BidirectionalGRU(3, return_sequences=False, return_state=True, **k)  # noqa: E731
    run_layer_test(make, INPUTS, weights=6, masked={"sequence": "mask"})


@every_layer
def test_equals_the_masked_stock_layer(kind):
    layer = made(kind)
    expected = to_numpy(stock(layer)(SEQUENCE, mask=keras.ops.convert_to_tensor(MASK)))
    output = call(layer, INPUTS)
    np.testing.assert_allclose(output[MASK], expected[MASK], atol=1e-6)
    assert (output[~MASK] == 0).all()


@every_layer
def test_equals_the_stock_layer_without_a_mask(kind):
    layer = made(kind)
    expected = to_numpy(stock(layer)(SEQUENCE))
    np.testing.assert_allclose(call(layer, {"sequence": SEQUENCE}), expected, atol=1e-6)


@every_layer
@pytest.mark.parametrize("mask", [MASK[:3], None])
def test_last_states_equal_the_stock_layer(kind, mask):
    layer = made(kind, return_sequences=False)
    inputs = {"sequence": SEQUENCE[:3]}
    if mask is not None:
        inputs["mask"] = mask
    np.testing.assert_allclose(call(layer, inputs), call(stock(layer), inputs), atol=1e-6)


def test_returns_the_last_states_beside_the_sequence():
    layer = made(BidirectionalGRU, return_state=True)
    sequence, last = call(layer, INPUTS)
    layer.return_state = False
    np.testing.assert_array_equal(sequence, call(layer, INPUTS))
    layer.return_sequences = False
    np.testing.assert_array_equal(last, call(layer, INPUTS))


@every_layer
def test_a_missing_row_gives_zeros(kind):
    assert (call(made(kind, return_sequences=False), INPUTS)[3] == 0).all()


@every_layer
def test_padding_changes_nothing(kind):
    layer = made(kind)
    padded = np.pad(SEQUENCE, ((0, 0), (0, 6), (0, 0)), constant_values=np.inf)
    mask = np.pad(MASK, ((0, 0), (0, 6)))
    longer = call(layer, {"sequence": padded, "mask": mask})
    np.testing.assert_allclose(longer[:, :7], call(layer, INPUTS), atol=1e-6)


def test_replaces_a_stock_layer():
    text, sound = keras.Input((None, 5), name="text"), keras.Input((None, 5), name="sound")
    read = keras.layers.Concatenate()([MaskedGRU(3)(text), BidirectionalGRU(2)(sound)])
    read = BidirectionalLSTM(2, return_sequences=False)(read)
    model = keras.Model([text, sound], keras.layers.Dense(1)(read))
    inputs = {"text": SEQUENCE, "sound": SEQUENCE[::-1].copy()}
    check_drop_in(model, inputs, np.ones((4, 1), "float32"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [BidirectionalLSTM, BidirectionalGRU])
def test_exports_to_onnx(kind, tmp_path):
    """Keras's own bidirectional layers cannot be exported from every backend; ours must be."""
    onnxruntime = pytest.importorskip("onnxruntime")
    if keras.backend.backend() == "jax":
        pytest.importorskip("jax2onnx")
    sequence, mask = keras.Input((7, 5), name="sequence"), keras.Input((7,), dtype="bool", name="m")
    model = keras.Model([sequence, mask], made(kind)(sequence, mask=mask))
    expected = to_numpy(model([SEQUENCE, MASK]))
    model.export(str(tmp_path / "model.onnx"), format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = [i.name for i in session.get_inputs()]
    (output,) = session.run(None, dict(zip(names, (SEQUENCE[:3], MASK[:3]), strict=True)))
    np.testing.assert_allclose(output, expected[:3], atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="the loop of torch.export")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [BidirectionalLSTM, BidirectionalGRU])
def test_the_loop_that_torch_exports_gives_what_the_fused_layer_gives(kind):
    """Of any batch and time, though it was traced with one."""
    import torch

    layer = made(kind)

    class Module(torch.nn.Module):
        def forward(self, sequence, mask):
            return layer(sequence, mask=mask)

    given = torch.from_numpy(SEQUENCE), torch.from_numpy(MASK)
    sizes = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("time", min=1)}
    with torch.no_grad():
        exported = torch.export.export(Module(), given, dynamic_shapes=(sizes, sizes)).module()
    for rows, steps in ((4, 7), (3, 5), (2, 1)):
        part = given[0][:rows, :steps], given[1][:rows, :steps]
        expected = call(layer, {"sequence": part[0].numpy(), "mask": part[1].numpy()})
        np.testing.assert_allclose(exported(*part).detach().numpy(), expected, atol=1e-6)
