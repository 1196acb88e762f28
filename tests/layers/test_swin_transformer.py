import keras
import numpy as np
import pytest
from layer_test import (
    call,
    check_build_alone,
    check_config,
    check_drop_in,
    run_layer_test,
    to_numpy,
)

from keras_mer.layers import (
    PatchEmbedding,
    PatchMerging,
    SelectiveSwinTransformerBlock,
    SwinTransformerBlock,
    SwinTransformerStage,
    SwinTransformerV2,
    WindowAttention,
)
from keras_mer.layers._windows import from_windows, to_windows

RNG = np.random.default_rng(0)
MASK = np.array([[True, True], [True, False], [False, False]])
VIDEO = {
    "images": RNG.normal(size=(3, 2, 24, 24, 3)).astype("float32"),
    "guide": RNG.normal(size=(3, 4)).astype("float32"),
    "mask": MASK,
}
GRID = RNG.normal(size=(2, 6, 6, 4)).astype("float32")
GUIDE = RNG.normal(size=(2, 4)).astype("float32")


def trunk(**kwargs):
    """Selecting, shifted and whole windows, on grids of 6 x 6, 4 x 4 and 2 x 2 tokens."""
    options = {"depths": [2, 1], "num_heads": [2, 1], "window_size": 3, "keep": [16], "seed": 1}
    return SwinTransformerV2(4, drop_path=0.0, mlp_ratio=1.0, **{**options, **kwargs})


def test_contract_of_the_trunk():
    # Patches, merging, norm: 4 + 3 + 2; three blocks of 16; 2 more where tokens are selected.
    run_layer_test(trunk, VIDEO, weights=59, masked={"images": "mask"}, output_mask="mask")


@pytest.mark.parametrize(
    ("layer", "inputs", "weights"),
    [
        (PatchEmbedding, {"images": VIDEO["images"][:, 0]}, 4),
        (PatchMerging, {"grid": GRID}, 3),
        (WindowAttention, {"windows": GRID.reshape(2, 4, 9, 4)}, 8),
        (SwinTransformerBlock, {"grid": GRID}, 16),
        (SelectiveSwinTransformerBlock, {"grid": GRID, "guide": GUIDE}, 18),
        (SwinTransformerStage, {"grid": GRID, "guide": GUIDE}, 34),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_parts_are_made_again_from_their_config(layer, inputs, weights):
    """Their numbers are those of the reference cases; the trunk's contract runs them all."""
    options = {
        PatchEmbedding: {"units": 4},
        WindowAttention: {"num_heads": 2},
        SwinTransformerBlock: {"num_heads": 2, "window_size": 3, "shift": 1},
        SelectiveSwinTransformerBlock: {"num_heads": 2, "window_size": 3, "keep": 16},
        SwinTransformerStage: {"depth": 2, "num_heads": 2, "window_size": 3, "keep": [16]},
    }
    made = layer(**options.get(layer, {}))
    check_config(made)
    check_build_alone(lambda: layer.from_config(made.get_config()), inputs, weights)


def test_replaces_a_concatenation():
    """A frame read in the light of a caption, where a model joined the vectors of both."""
    frame, caption = keras.Input((24, 24, 3), name="frame"), keras.Input((4,), name="caption")
    read = trunk(depths=[1, 1])(frame, caption)
    model = keras.Model([frame, caption], keras.layers.Dense(1)(read))
    inputs = {"frame": VIDEO["images"][:, 0], "caption": VIDEO["guide"]}
    check_drop_in(model, inputs, np.ones((3, 1), "float32"))


def test_windows_come_back_in_place():
    grid = np.arange(2 * 4 * 6 * 1, dtype="float32").reshape(2, 4, 6, 1)
    windows = to_windows(np.asarray(grid), 2)
    assert tuple(windows.shape) == (2, 6, 4, 1)
    np.testing.assert_array_equal(to_numpy(windows)[0, 1, :, 0], [2, 3, 8, 9])
    np.testing.assert_array_equal(to_numpy(from_windows(windows, 4, 6)), grid)


@pytest.mark.parametrize("shift", [0, 1])
def test_a_token_sees_its_window_alone(shift):
    """A change reaches the tokens of its window, rows and columns `shift` to `shift + 3`."""
    block = SwinTransformerBlock(num_heads=2, window_size=4, shift=shift)
    grid = RNG.normal(size=(1, 8, 8, 4)).astype("float32")
    changed = grid.copy()
    changed[0, 3, 3] += 1.0
    difference = call(block, {"grid": changed}) - call(block, {"grid": grid})
    reached = np.argwhere(abs(difference[0]).max(axis=-1) > 1e-6)
    assert (reached.min(axis=0) == shift).all()
    assert (reached.max(axis=0) == shift + 3).all()


def test_the_shift_mask_of_the_released_code_blocks_more():
    """The first window holds no seam; the mask for one window parts it all the same."""
    grid = RNG.normal(size=(1, 6, 6, 4)).astype("float32")
    fixed = SwinTransformerBlock(2, window_size=3, shift=1)
    fixed.build(grid.shape)
    released = SwinTransformerBlock(2, window_size=3, shift=1, shift_mask="single")
    released.build(grid.shape)
    for mine, theirs in zip(fixed.weights, released.weights, strict=True):
        theirs.assign(to_numpy(mine))
    assert len(np.unique(fixed.zones[0])) == 1
    assert len(np.unique(released.zones[0])) == 4
    difference = call(fixed, {"grid": grid}) - call(released, {"grid": grid})
    inside = abs(difference[0, 1:4, 1:4]).max()
    assert inside > 1e-4


@pytest.mark.parametrize("options", [{}, {"sort_indices": True}, {"weight_by_score": True}])
def test_a_selecting_block_normalises_what_it_keeps(options):
    layer = SelectiveSwinTransformerBlock(2, keep=9, window_size=3, **options)
    output = call(layer, {"grid": GRID, "guide": GUIDE})
    assert output.shape == (2, 3, 3, 4)
    assert np.isfinite(output).all()


def test_stochastic_depth_drops_whole_images():
    block = SwinTransformerBlock(2, window_size=3, drop_path=0.5, seed=3)
    grid = np.repeat(GRID[:1], 16, axis=0)
    output = call(block, {"grid": grid}, training=True)
    kept = np.array([not np.allclose(a, b) for a, b in zip(output, grid, strict=True)])
    assert 0 < kept.sum() < 16


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (lambda: PatchEmbedding(4, 4), (1, 9, 8, 3), "multiples of the patch size 4"),
        (lambda: PatchMerging(), (1, 3, 4, 2), "even height and width"),
        (lambda: SwinTransformerBlock(3), (1, 8, 8, 4), "divisible by them"),
        (lambda: SwinTransformerBlock(2, 4), (1, 6, 8, 4), "multiples of the window, 4"),
        (lambda: SwinTransformerBlock(2, 4), (1, None, 8, 4), "known height and width"),
        (lambda: SwinTransformerBlock(2, 4, shift=4), (1, 8, 8, 4), "received shift=4"),
        (lambda: SelectiveSwinTransformerBlock(2, 15), (1, 8, 8, 4), "square number"),
        (lambda: SelectiveSwinTransformerBlock(2, 81), (1, 8, 8, 4), "cannot keep 81 tokens of 64"),
        (lambda: SwinTransformerStage(4, 2, keep=[9]), (1, 8, 8, 4), "needs 2 numbers of tokens"),
        (lambda: SwinTransformerV2(depths=[1]), (1, 8, 8, 4), "for each stage"),
    ],
)
def test_refuses_what_does_not_fit(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer().build(shape)
