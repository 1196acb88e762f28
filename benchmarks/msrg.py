"""A training step and a prediction of MSRG, against the same network in plain PyTorch.

Batch 32, 20 steps, widths 300, 5 and 20, the sizes of the released code, all steps real. The
residual gating network of the plain one is the loop over the steps that its authors published.
"""

import numpy as np

from benchmarks.interleaved import PLAIN, run
from benchmarks.plain import fill, filled, filled_recurrent, keras_tasks, tasks, weight

WIDTHS = {"text": 300, "audio": 5, "video": 20}
ENCODER = {"text": 190, "audio": 95, "video": 95}
BATCH, TIME, UNITS, ATTENTION = 32, 20, 128, 32
RNG = np.random.default_rng(0)
SEQUENCES = {m: RNG.normal(size=(BATCH, TIME, w)).astype("float32") for m, w in WIDTHS.items()}
LABELS = RNG.normal(size=(BATCH, 1)).astype("float32")


def ours():
    from keras_mer.models import MSRG

    model = MSRG(WIDTHS, TIME)
    fill(model)
    inputs = {**SEQUENCES, **{f"{m}_mask": np.ones((BATCH, TIME), bool) for m in WIDTHS}}
    return keras_tasks(model, inputs, LABELS, "mae")


def plain():
    import torch
    from torch import nn
    from torch.nn import functional

    def linear(path, dim, units, bias=True):
        return filled(nn.Linear(dim, units, bias), path)

    class Pooling(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps = nn.ModuleDict(
                {m: linear(f"pooling/map_{m}", UNITS, 2 * UNITS) for m in WIDTHS}
            )

        def forward(self, read):
            mapped = {m: f(read[m]) for m, f in self.maps.items()}
            strengths = torch.stack([v.flatten(1).norm(dim=1) for v in mapped.values()])
            weights = strengths / strengths.sum(0)
            joint = sum(w[:, None, None] * v for w, v in zip(weights, mapped.values(), strict=True))
            joint = functional.dropout(joint, 0.1, self.training)
            return functional.normalize(joint.unflatten(2, (UNITS, 2)).sum(3), dim=2)

    class Attention(nn.Module):
        def __init__(self, m):
            super().__init__()
            sizes = {
                "joint": (TIME, TIME),
                "corr": (2 * UNITS, ATTENTION),
                "self": (TIME, ATTENTION),
                "out": (ATTENTION, TIME),
            }
            self.maps = nn.ModuleDict(
                {k: linear(f"attention/{m}_{k}", *size, bias=False) for k, size in sizes.items()}
            )

        def forward(self, x, joint):
            joint, features = torch.cat([x, joint], 2), x.transpose(1, 2)
            seen = self.maps["joint"](joint.transpose(1, 2)).transpose(1, 2)
            common = torch.tanh(features @ seen / joint.shape[-1] ** 0.5)
            hidden = functional.relu(self.maps["corr"](common) + self.maps["self"](features))
            return self.maps["out"](hidden).transpose(1, 2) + x

    class Gating(nn.Module):
        def __init__(self, direction):
            super().__init__()
            path = f"gating/{direction}_cell"
            kernel = torch.tensor(weight(f"{path}/kernel", (2 * UNITS, 4 * UNITS)).T)
            bias = torch.tensor(weight(f"{path}/bias", (3 * UNITS,)))
            forget = torch.tensor(weight(f"{path}/forget_kernel", (UNITS, UNITS)).T)
            forget_bias = torch.tensor(weight(f"{path}/forget_bias", (UNITS,)))
            self.remember, self.open, self.learn, self.residual = (
                nn.Linear(2 * UNITS, UNITS, bias=i < 3) for i in range(4)
            )
            self.forget = nn.Linear(UNITS, UNITS)
            with torch.no_grad():
                maps = (self.remember, self.open, self.learn, self.residual)
                for i, (linear_, rows) in enumerate(zip(maps, kernel.chunk(4), strict=True)):
                    linear_.weight.copy_(rows)
                    if i < 3:
                        linear_.bias.copy_(bias.chunk(3)[i])
                self.forget.weight.copy_(forget)
                self.forget.bias.copy_(forget_bias)

        def forward(self, x, s):
            m = torch.tanh(self.forget(functional.relu(self.remember(x))))
            u = torch.sigmoid(self.open(x)) * torch.tanh(self.learn(x))
            return functional.relu(self.residual(x)) + functional.relu(m * s + u)

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.grus = nn.ModuleDict()
            for m, width in ENCODER.items():
                sizes = [(WIDTHS[m], width), (width, width)]
                grus = [
                    filled_recurrent(nn.GRU(*size, batch_first=True), f"gru_{m}_{i}")
                    for i, size in enumerate(sizes)
                ]
                last = nn.GRU(width, UNITS // 2, batch_first=True, bidirectional=True)
                self.grus[m] = nn.ModuleList([*grus, filled_recurrent(last, f"bigru_{m}")])
            self.pooling = Pooling()
            self.attention = nn.ModuleDict({m: Attention(m) for m in WIDTHS})
            memory = nn.LSTM(3 * UNITS, UNITS, batch_first=True, bidirectional=True)
            self.memory = filled_recurrent(memory, "memory")
            self.forwards, self.backwards = Gating("forward"), Gating("backward")
            self.hidden = linear("hidden", UNITS, 32)
            self.steps = linear("prediction/steps", 32, 1)
            self.utterance = linear("prediction/utterance", 3 * UNITS, 1)
            self.level_weights = nn.Parameter(
                torch.tensor(weight("prediction/level_weights", (2, 1)))
            )
            self.bias = nn.Parameter(torch.tensor(weight("prediction/bias", (1,))))

        def forward(self, x):
            read, utterance = {}, []
            for m, grus in self.grus.items():
                z = x[m]
                for gru in grus:
                    z, last = gru(z)
                read[m] = z
                utterance += [last[0], last[1]]
            joint = self.pooling(read)
            fused = [self.attention[m](read[m], joint) for m in WIDTHS]
            joined = self.memory(torch.cat(fused, 2))[0]
            forth = back = joined.new_zeros(len(joined), UNITS)
            for t in range(TIME):
                forth = self.forwards(joined[:, t], forth)
                back = self.backwards(joined[:, TIME - 1 - t], back)
            hidden = functional.leaky_relu(self.hidden(forth + back))
            levels = [self.steps(hidden), self.utterance(torch.cat(utterance, 1))]
            weighted = [w * level for w, level in zip(self.level_weights, levels, strict=True)]
            return sum(weighted) + self.bias

    x, y = {m: torch.tensor(s) for m, s in SEQUENCES.items()}, torch.tensor(LABELS)
    return tasks(Plain(), x, lambda model, x: functional.l1_loss(model(x), y))


if __name__ == "__main__":
    run(
        "benchmarks.msrg",
        ["train", "predict"],
        "MSRG, batch 32, 20 steps, widths 300/5/20",
        lambda backend: plain() if backend == PLAIN else ours(),
    )
