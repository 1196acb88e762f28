"""MulT with the sizes and dropouts of the MMSA framework for CMU-MOSI, 2.6 M parameters."""

import math

from benchmarks.case import Case
from benchmarks.interleaved import Tasks
from benchmarks.plain import fill, filled, keras_tasks, linear, loss_of, tasks

UNITS, HEADS, LAYERS, MEMORY, KERNEL = 50, 10, 4, 4, 5
INPUT = {"text": 0.5}
LOOK = {"text": 0.3, "audio": 0.2, "video": 0.0}
EMBEDDING, MEMORY_DROPOUT, OUTPUT = 0.2, 0.3, 0.5


def ours(case: Case) -> Tasks:
    from keras_mer.models import MulT

    model = MulT(case.widths, UNITS, HEADS, LAYERS, kernel_size=KERNEL, outputs=case.classes)
    fill(model)
    return keras_tasks(model, case)


def plain(case: Case) -> Tasks:
    import torch
    from torch import nn
    from torch.nn import functional

    class Layer(nn.Module):
        def __init__(self, path, i, dim, dropout):
            super().__init__()
            self.q, self.k, self.v, self.o = (
                linear(f"{path}/{name}_{i}", dim, dim)
                for name in ("query", "key", "value", "output")
            )
            self.wide = linear(f"{path}/widen_{i}", dim, 4 * dim)
            self.narrow = linear(f"{path}/narrow_{i}", 4 * dim, dim)
            self.norm_1, self.norm_2 = (
                filled(nn.LayerNorm(dim, eps=1e-5), f"{path}/norm_{n}_{i}") for n in (1, 2)
            )
            self.dropout = dropout

        def forward(self, x, s, past):
            query = self.norm_1(x)
            source = query if s is None else self.norm_1(s)
            q, k, v = (
                f(z).unflatten(2, (HEADS, -1)).transpose(1, 2)
                for f, z in ((self.q, query), (self.k, source), (self.v, source))
            )
            rate = self.dropout if self.training else 0.0
            seen = functional.scaled_dot_product_attention(q, k, v, past, rate)
            x = x + self.o(seen.transpose(1, 2).flatten(2))
            return x + self.narrow(functional.relu(self.wide(self.norm_2(x))))

    class Stack(nn.Module):
        def __init__(self, path, layers, dim, dropout):
            super().__init__()
            self.layers = nn.ModuleList(Layer(path, i, dim, dropout) for i in range(layers))
            self.norm = filled(nn.LayerNorm(dim, eps=1e-5), f"{path}/norm")

        def embedded(self, x):
            return functional.dropout(x * math.sqrt(x.shape[2]), EMBEDDING, self.training)

        def forward(self, x, source=None):
            steps = x.shape[1], (x if source is None else source).shape[1]
            past = torch.ones(steps, dtype=torch.bool).tril(abs(steps[0] - steps[1]))
            x, s = self.embedded(x), None if source is None else self.embedded(source)
            for layer in self.layers:
                x = layer(x, s, past)
            return self.norm(x)

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            names, others = list(case.widths), len(case.widths) - 1
            self.convolutions = nn.ModuleDict(
                {
                    m: filled(
                        nn.Conv1d(w, UNITS, KERNEL, bias=False), f"convolution_{m}/convolution"
                    )
                    for m, w in case.widths.items()
                }
            )
            self.looks = nn.ModuleDict(
                {
                    f"{m}_with_{n}": Stack(f"{m}_with_{n}", LAYERS, UNITS, LOOK.get(n, 0.0))
                    for m in names
                    for n in names
                    if n != m
                }
            )
            self.memories = nn.ModuleDict(
                {m: Stack(f"{m}_memory", MEMORY, others * UNITS, MEMORY_DROPOUT) for m in names}
            )
            width = len(self.looks) * UNITS
            self.hidden, self.residual = (linear(n, width, width) for n in ("hidden", "residual"))
            self.prediction = linear("prediction", width, case.classes)

        def forward(self, x):
            read = {
                m: self.convolutions[m](
                    functional.dropout(s, INPUT.get(m, 0.0), self.training).transpose(1, 2)
                ).transpose(1, 2)
                for m, s in x.items()
            }
            last = []
            for m, memory in self.memories.items():
                seen = [self.looks[f"{m}_with_{n}"](read[m], read[n]) for n in read if n != m]
                last.append(memory(torch.cat(seen, 2))[:, -1])
            joined = torch.cat(last, 1)
            hidden = functional.relu(self.hidden(joined))
            hidden = functional.dropout(hidden, OUTPUT, self.training)
            return self.prediction(self.residual(hidden) + joined)

    return tasks(Plain(), case, lambda model, x, y: loss_of(case)(model(x), y))
