"""What the networks in plain PyTorch share: the weights that ours have, and what is timed."""

import re
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case
from benchmarks.interleaved import PLAIN, Tasks

# Keras numbers layers that were given no name.
UNNAMED = re.compile(
    r"(layer_normalization|batch_normalization|masked_convolution1d|cross_modal_attention)(_\d+)?"
)
AROUND_ONE = ("gamma", "level_weights", "moving_variance")


def weight(path: str, shape: tuple[int, ...]) -> np.ndarray:
    """The same weight for the same place of the network, whoever asks."""
    values = np.random.default_rng(zlib.crc32(path.encode())).normal(scale=0.1, size=shape)
    return (values + path.endswith(AROUND_ONE)).astype("float32")


def fill(model) -> None:
    """Gives a Keras model these weights."""
    for variable in model.weights:
        variable.assign(weight(UNNAMED.sub(r"\1", variable.path), tuple(variable.shape)))


def parameter(path: str, shape: tuple[int, ...]):
    """A parameter of PyTorch with the weight of `path`."""
    import torch

    return torch.nn.Parameter(torch.tensor(weight(path, shape)))


def linear(path: str, dim: int, units: int, bias: bool = True):
    """A linear map with the weights of `path`."""
    import torch

    return filled(torch.nn.Linear(dim, units, bias), path)


def norm(path: str, dim: int):
    """A layer normalisation with the weights of the unnamed one of `path`."""
    import torch

    return filled(torch.nn.LayerNorm(dim, eps=1e-5), f"{path}/layer_normalization")


def filled(module, path: str, prefix: str = ""):
    """Gives a linear map, a convolution or a normalisation of PyTorch the weights of `path`."""
    import torch

    norms = (torch.nn.LayerNorm, torch.nn.BatchNorm1d)
    names = ("gamma", "beta") if isinstance(module, norms) else ("kernel", "bias")
    with torch.no_grad():
        for tensor, name in zip((module.weight, module.bias), names, strict=True):
            if tensor is not None:
                turned = weight(f"{path}/{prefix}{name}", tuple(reversed(tensor.shape)))
                tensor.copy_(torch.tensor(turned.T))
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


def gating_cell(path: str, dim: int, units: int):
    """A step of MSRG's residual gating network, with the weights of one of our cells."""
    import torch
    from torch import nn
    from torch.nn import functional

    kernel = torch.tensor(weight(f"{path}/kernel", (dim, 4 * units)).T)
    bias = torch.tensor(weight(f"{path}/bias", (3 * units,)))

    class Cell(nn.Module):
        def __init__(self):
            super().__init__()
            self.remember, self.open, self.learn, self.residual = (
                nn.Linear(dim, units, bias=i < 3) for i in range(4)
            )
            self.forget = filled(nn.Linear(units, units), path, "forget_")
            maps = (self.remember, self.open, self.learn, self.residual)
            with torch.no_grad():
                for i, (linear_, rows) in enumerate(zip(maps, kernel.chunk(4), strict=True)):
                    linear_.weight.copy_(rows)
                    if i < 3:
                        linear_.bias.copy_(bias.chunk(3)[i])

        def forward(self, x, s):
            m = torch.tanh(self.forget(functional.relu(self.remember(x))))
            u = torch.sigmoid(self.open(x)) * torch.tanh(self.learn(x))
            return functional.relu(self.residual(x)) + functional.relu(m * s + u)

    return Cell()


def loss_of(case: Case) -> Callable:
    """The loss of a prediction, in PyTorch's words and in Keras's, by its number of outputs."""
    from torch.nn import functional

    return functional.l1_loss if case.classes == 1 else functional.cross_entropy


def keras_loss_of(case: Case) -> Any:
    import keras

    if case.classes == 1:
        return keras.losses.MeanAbsoluteError()
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def tasks(model: Any, case: Case, objective: Callable) -> Tasks:
    """What is timed of a network in plain PyTorch, and its output.

    Args:
        model: a module that takes a dict of tensors.
        case: what it is run on.
        objective: the loss of `(model, inputs, labels)`.
    """
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    optimizer = torch.optim.Adam(model.parameters(), 1e-5)
    given = case.inputs if case.padded else case.sequences
    x = {m: torch.tensor(s) for m, s in given().items()}
    names = list(x)
    y = torch.tensor(case.labels())

    def step(x, y):
        optimizer.zero_grad()
        loss = objective(model, x, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def train():
        model.train()
        return step(x, y)

    def predict():
        model.eval()
        with torch.no_grad():
            return model(x).numpy()

    def epoch():
        model.train()
        return sum(step(dict(zip(names, row, strict=False)), row[-1]) for row in loader)

    found: Tasks = {"predict": predict}
    if case.train:
        found["train"] = train
    if case.epoch:
        rows = case.epoch * case.batch
        columns = [*given(rows).values(), case.labels(rows)]
        table = TensorDataset(*map(torch.tensor, columns))
        loader = DataLoader(table, case.batch, shuffle=True)
        found["epoch"] = epoch
    return found


def keras_tasks(model: Any, case: Case) -> Tasks:
    """The same of a Keras model; the loss is read back, so that the work is done."""
    import keras

    from keras_mer import _traced

    _traced.OFTEN = 1  # the first call then shows what a trace costs
    model.compile(keras.optimizers.Adam(1e-5), keras_loss_of(case))
    x, y = case.inputs(), case.labels()
    found: Tasks = {"predict": lambda: model.predict_on_batch(x)}
    if case.train:
        found["train"] = lambda: model.train_on_batch(x, y)
    if case.epoch:
        rows = case.epoch * case.batch
        whole = case.inputs(rows), case.labels(rows)
        found["epoch"] = lambda: model.fit(*whole, batch_size=case.batch, verbose=0)
    return found


def settle(backend: str) -> None:
    """Trains two weights for a step: what is imported late then belongs to no case."""
    x, y = np.ones((2, 1), "float32"), np.ones((2, 1), "float32")
    if backend == PLAIN:
        import torch

        model = torch.nn.Linear(1, 1)
        optimizer = torch.optim.Adam(model.parameters())
        torch.nn.functional.l1_loss(model(torch.tensor(x)), torch.tensor(y)).backward()
        optimizer.step()
    else:
        import keras

        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("adam", "mae")
        model.predict_on_batch(x)
        model.fit(x, y, verbose=0)
        keras.backend.clear_session()
