"""What the networks in plain PyTorch share: the weights that ours have, and a step of training."""

import re
import zlib
from collections.abc import Callable

import numpy as np

# Keras numbers layers that were given no name.
UNNAMED = re.compile(r"(layer_normalization|masked_convolution1d|cross_modal_attention)(_\d+)?")


def weight(path: str, shape: tuple[int, ...]) -> np.ndarray:
    """The same weight for the same place of the network, whoever asks."""
    values = np.random.default_rng(zlib.crc32(path.encode())).normal(scale=0.1, size=shape)
    return (values + path.endswith(("gamma", "level_weights"))).astype("float32")


def fill(model) -> None:
    """Gives a Keras model these weights."""
    for variable in model.weights:
        variable.assign(weight(UNNAMED.sub(r"\1", variable.path), tuple(variable.shape)))


def filled(module, path: str):
    """Gives a linear map, a convolution or a normalisation of PyTorch the weights of `path`."""
    import torch

    names = ("gamma", "beta") if isinstance(module, torch.nn.LayerNorm) else ("kernel", "bias")
    with torch.no_grad():
        for parameter, name in zip((module.weight, module.bias), names, strict=True):
            if parameter is not None:
                turned = weight(f"{path}/{name}", tuple(reversed(parameter.shape)))
                parameter.copy_(torch.tensor(turned.T))
    return module


def filled_recurrent(module, path: str):
    """Gives an LSTM or GRU of PyTorch the weights of one of ours."""
    import torch

    gates = {"LSTM": 4, "GRU": 3}[module.mode]
    width = gates * module.hidden_size

    def turned(x: np.ndarray) -> torch.Tensor:
        if module.mode == "GRU":  # ours are z, r, h; PyTorch's r, z, n
            z, r, h = np.split(x, 3, axis=-1)
            x = np.concatenate([r, z, h], axis=-1)
        return torch.tensor(x.T)

    directions = (
        {"": "forward", "_reverse": "backward"} if module.bidirectional else {"": "forward"}
    )
    with torch.no_grad():
        for suffix, direction in directions.items():
            of = f"{path}/{direction}"
            kernel = weight(f"{of}_kernel", (module.input_size, width))
            recurrent = weight(f"{of}_recurrent", (module.hidden_size, width))
            getattr(module, f"weight_ih_l0{suffix}").copy_(turned(kernel))
            getattr(module, f"weight_hh_l0{suffix}").copy_(turned(recurrent))
            biases = np.zeros((2, width), "float32")
            if module.mode == "GRU":
                biases[:] = weight(f"{of}_bias", biases.shape)
            else:
                biases[0] = weight(f"{of}_bias", (width,))
            getattr(module, f"bias_ih_l0{suffix}").copy_(turned(biases[0]))
            getattr(module, f"bias_hh_l0{suffix}").copy_(turned(biases[1]))
    return module


def tasks(model, inputs, loss_of: Callable) -> tuple[dict[str, Callable], Callable]:
    """The tasks of a network in plain PyTorch: a step of Adam, and a prediction."""
    import torch

    optimizer = torch.optim.Adam(model.parameters(), 1e-5)

    def train():
        model.train()
        optimizer.zero_grad()
        loss = loss_of(model, inputs)
        loss.backward()
        optimizer.step()
        return loss.item()

    def predict():
        model.eval()
        with torch.no_grad():
            return model(inputs).numpy()

    output = predict()
    return {"train": train, "predict": predict}, lambda: output


def keras_tasks(model, inputs, labels, loss) -> tuple[dict[str, Callable], Callable]:
    """The same tasks of a Keras model; the loss is read back, so that the work is done."""
    import keras

    model.compile(keras.optimizers.Adam(1e-5), loss)

    def predict():
        return model.predict_on_batch(inputs)

    output = predict()
    return {
        "train": lambda: model.train_on_batch(inputs, labels),
        "predict": predict,
    }, lambda: output
