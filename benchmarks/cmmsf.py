"""A training step and a prediction of CM-MSF, against the same network in plain PyTorch.

Batch 32, 50 aligned steps, widths 768, 5 and 20, the paper's sizes, all steps real.
"""

import numpy as np

from benchmarks.interleaved import PLAIN, run
from benchmarks.plain import fill, filled, filled_recurrent, keras_tasks, tasks

WIDTHS = {"text": 768, "audio": 5, "video": 20}
BATCH, TIME, UNITS, HEADS, DROPOUT = 32, 50, 128, 4, 0.3
RNG = np.random.default_rng(0)
SEQUENCES = {m: RNG.normal(size=(BATCH, TIME, w)).astype("float32") for m, w in WIDTHS.items()}
LABELS = RNG.normal(size=(BATCH, 1)).astype("float32")


def ours():
    from keras_mer.models import CMMSF

    model = CMMSF(WIDTHS, UNITS, HEADS, dropout=DROPOUT)
    fill(model)
    inputs = {**SEQUENCES, **{f"{m}_mask": np.ones((BATCH, TIME), bool) for m in WIDTHS}}
    return keras_tasks(model, inputs, LABELS, "mae")


def plain():
    import torch
    from torch import nn
    from torch.nn import functional

    def linear(path, dim, units=UNITS):
        return filled(nn.Linear(dim, units), path)

    def norm(path):
        return filled(nn.LayerNorm(UNITS, eps=1e-5), f"{path}/layer_normalization")

    class Convolutions(nn.Module):
        def __init__(self, path, dim):
            super().__init__()
            path = f"{path}/masked_convolution1d/convolution"
            self.a = filled(nn.Conv1d(dim, UNITS, 3, padding=1), f"{path}_0")
            self.b = filled(nn.Conv1d(UNITS, UNITS, 3, padding=1), f"{path}_1")

        def forward(self, x):
            return self.b(functional.gelu(self.a(x.transpose(1, 2)))).transpose(1, 2)

    class Block(nn.Module):
        def __init__(self, path):
            super().__init__()
            inner = f"{path}/cross_modal_attention"
            self.q, self.k, self.v, self.o = (
                linear(f"{inner}/{name}", UNITS) for name in ("query", "key", "value", "output")
            )
            self.norm_a, self.norm_b = norm(inner), norm(path)
            self.convolutions = Convolutions(path, UNITS)

        def forward(self, z, source):
            heads = (BATCH, TIME, HEADS, UNITS // HEADS)
            q, k, v = (
                f(x).view(heads).transpose(1, 2)
                for f, x in ((self.q, z), (self.k, source), (self.v, source))
            )
            seen = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(z.shape)
            z = self.norm_a(z + functional.dropout(self.o(seen), DROPOUT, self.training))
            return self.norm_b(z + functional.dropout(self.convolutions(z), DROPOUT, self.training))

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            names = list(WIDTHS)
            self.shallow = nn.ModuleDict(
                {m: linear(f"extractor_{m}/shallow", w) for m, w in WIDTHS.items()}
            )
            self.deep = nn.ModuleDict(
                {m: Convolutions(f"extractor_{m}", w) for m, w in WIDTHS.items()}
            )
            self.norms = nn.ModuleDict({m: norm(f"extractor_{m}") for m in names})
            self.readers = nn.ModuleDict({m: reader(m) for m in names})
            self.blocks = nn.ModuleDict(
                {f"{m}_{i}": Block(f"encoder/block_{m}_{i}") for m in names for i in range(2)}
            )
            self.transform, self.keep, self.gate = (
                nn.ModuleDict({m: linear(f"fusion/{part}_{m}", dim) for m in names})
                for part, dim in (
                    ("transform", UNITS),
                    ("keep", UNITS),
                    ("gate", UNITS * len(names)),
                )
            )
            self.hidden = linear("hidden", UNITS * len(names))
            self.prediction = linear("prediction", UNITS, 1)

        def forward(self, x):
            read = {
                m: self.readers[m](self.norms[m](self.shallow[m](s) + self.deep[m](s)))[0]
                for m, s in x.items()
            }
            pooled = {}
            for m in x:
                z = read[m]
                for i, other in enumerate(n for n in x if n != m):
                    z = self.blocks[f"{m}_{i}"](z, read[other])
                pooled[m] = z.mean(dim=1)
            joined = torch.cat(list(pooled.values()), dim=1)
            parts = []
            for m, u in pooled.items():
                p = torch.sigmoid(self.keep[m](u))
                kept = ((p > 0.5).float() - p).detach() + p
                parts.append(
                    kept * torch.sigmoid(self.gate[m](joined)) * torch.tanh(self.transform[m](u))
                )
            hidden = functional.relu(self.hidden(torch.cat(parts, dim=1)))
            return self.prediction(functional.dropout(hidden, DROPOUT, self.training))

    def reader(m):
        lstm = nn.LSTM(UNITS, UNITS // 2, batch_first=True, bidirectional=True)
        return filled_recurrent(lstm, f"encoder/reader_{m}")

    x, y = {m: torch.tensor(s) for m, s in SEQUENCES.items()}, torch.tensor(LABELS)
    return tasks(Plain(), x, lambda model, x: functional.l1_loss(model(x), y))


if __name__ == "__main__":
    run(
        "benchmarks.cmmsf",
        ["train", "predict"],
        "CM-MSF, batch 32, 50 steps, widths 768/5/20",
        lambda backend: plain() if backend == PLAIN else ours(),
    )
