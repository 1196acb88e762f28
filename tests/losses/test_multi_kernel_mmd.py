import keras
import numpy as np
import pytest
from keras import ops
from layer_test import to_numpy

from keras_mer.losses import MultiKernelMMD

RNG = np.random.default_rng(0)
SOURCE, TARGET = (RNG.normal(size=(8, 3)).astype("float32") for _ in range(2))


def mmd(source, target, weight=None):
    return float(to_numpy(MultiKernelMMD()(source, target, sample_weight=weight)))


def by_hand(source, target):
    x = np.concatenate([source, target]).astype("float64")
    n, distance = len(x), ((x[:, None] - x) ** 2).sum(axis=-1)
    width = distance.sum() / (n * n - n) / 4
    kernel = sum(np.exp(-distance / (width * 2**k)) for k in range(5))
    half = n // 2
    blocks = (
        kernel[:half, :half] + kernel[half:, half:] - kernel[:half, half:] - kernel[half:, :half]
    )
    return blocks.mean()


def test_equation():
    assert mmd(SOURCE, TARGET) == pytest.approx(by_hand(SOURCE, TARGET), abs=1e-5)
    assert mmd(SOURCE + 1e3, TARGET + 1e3) == pytest.approx(mmd(SOURCE, TARGET), abs=1e-3)


def test_grows_with_the_distance():
    values = [mmd(SOURCE, TARGET + shift) for shift in (0, 1, 3)]
    assert values == sorted(values)
    assert mmd(SOURCE, SOURCE) == pytest.approx(0, abs=1e-6)


def test_a_row_of_weight_zero_is_left_out_whatever_it_holds():
    weight = np.array([1, 1, 0, 1, 0, 1, 1, 1])
    spoiled = np.where(weight[:, None] > 0, SOURCE, np.nan).astype("float32")
    kept = weight > 0
    expected = mmd(SOURCE[kept], TARGET[kept])
    assert mmd(spoiled, TARGET, weight) == pytest.approx(expected, abs=1e-5)
    assert mmd(SOURCE, TARGET, np.zeros(8)) == 0


@pytest.mark.parametrize("row", [0.0, 0.1, 1e4])
def test_equal_rows_are_safe(row):
    """Neither the loss nor its gradient, by which an encoder is trained, is spoiled."""
    x = keras.Input((3,))
    model = keras.Model(x, keras.layers.Dense(3, kernel_initializer="identity")(x))
    model.compile(keras.optimizers.SGD(1.0), MultiKernelMMD())
    rows = np.full((4, 3), row, "float32")
    loss = model.fit(rows, rows, verbose=0).history["loss"][0]
    assert loss == pytest.approx(0, abs=1e-3)
    assert all(np.isfinite(to_numpy(w)).all() for w in model.weights)


def test_config_and_errors():
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(MultiKernelMMD(3, 1.5))
    )
    assert (again.kernels, again.factor) == (3, 1.5)
    assert np.isfinite(to_numpy(again(ops.convert_to_tensor(SOURCE), TARGET)))
    with pytest.raises(ValueError, match="kernels=0"):
        MultiKernelMMD(kernels=0)
