"""MSRG, the sizes of the released code, with the steps of the text for all.

The residual gating network of the plain one is the loop over the steps that its authors published.
"""

from benchmarks.case import Case
from benchmarks.interleaved import Tasks
from benchmarks.plain import (
    fill,
    filled_recurrent,
    gating_cell,
    keras_tasks,
    linear,
    loss_of,
    parameter,
    tasks,
)

ENCODER = {"text": 190, "audio": 95, "video": 95}
UNITS, ATTENTION = 128, 32


def ours(case: Case) -> Tasks:
    from keras_mer.models import MSRG

    model = MSRG(case.widths, case.steps["text"], outputs=case.classes)
    fill(model)
    return keras_tasks(model, case)


def plain(case: Case) -> Tasks:
    import torch
    from torch import nn
    from torch.nn import functional

    time = case.steps["text"]

    class Pooling(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps = nn.ModuleDict(
                {m: linear(f"pooling/map_{m}", UNITS, 2 * UNITS) for m in case.widths}
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
                "joint": (time, time),
                "corr": (2 * UNITS, ATTENTION),
                "self": (time, ATTENTION),
                "out": (ATTENTION, time),
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

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.grus = nn.ModuleDict()
            for m, width in ENCODER.items():
                sizes = [(case.widths[m], width), (width, width)]
                grus = [
                    filled_recurrent(nn.GRU(*size, batch_first=True), f"gru_{m}_{i}")
                    for i, size in enumerate(sizes)
                ]
                last = nn.GRU(width, UNITS // 2, batch_first=True, bidirectional=True)
                self.grus[m] = nn.ModuleList([*grus, filled_recurrent(last, f"bigru_{m}")])
            self.pooling = Pooling()
            self.attention = nn.ModuleDict({m: Attention(m) for m in case.widths})
            memory = nn.LSTM(3 * UNITS, UNITS, batch_first=True, bidirectional=True)
            self.memory = filled_recurrent(memory, "memory")
            self.forwards, self.backwards = (
                gating_cell(f"gating/{d}_cell", 2 * UNITS, UNITS) for d in ("forward", "backward")
            )
            self.hidden = linear("hidden", UNITS, 32)
            self.steps = linear("prediction/steps", 32, case.classes)
            self.utterance = linear("prediction/utterance", 3 * UNITS, case.classes)
            self.level_weights = parameter("prediction/level_weights", (2, case.classes))
            self.bias = parameter("prediction/bias", (case.classes,))

        def forward(self, x):
            read, utterance = {}, []
            for m, grus in self.grus.items():
                z = functional.adaptive_avg_pool1d(x[m].transpose(1, 2), time).transpose(1, 2)
                for gru in grus:
                    z, last = gru(z)
                read[m] = z
                utterance += [last[0], last[1]]
            joint = self.pooling(read)
            fused = [self.attention[m](read[m], joint) for m in case.widths]
            joined = self.memory(torch.cat(fused, 2))[0]
            forth = back = joined.new_zeros(len(joined), UNITS)
            for t in range(time):
                forth = self.forwards(joined[:, t], forth)
                back = self.backwards(joined[:, time - 1 - t], back)
            hidden = functional.leaky_relu(self.hidden(forth + back))
            levels = [self.steps(hidden), self.utterance(torch.cat(utterance, 1))]
            weighted = [w * level for w, level in zip(self.level_weights, levels, strict=True)]
            return sum(weighted) + self.bias

    return tasks(Plain(), case, lambda model, x, y: loss_of(case)(model(x), y))
