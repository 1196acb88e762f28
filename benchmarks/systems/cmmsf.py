"""CM-MSF, the paper's sizes."""

from benchmarks.case import Case
from benchmarks.interleaved import Tasks
from benchmarks.plain import (
    fill,
    filled,
    filled_recurrent,
    keras_tasks,
    linear,
    loss_of,
    norm,
    tasks,
)

UNITS, HEADS, DROPOUT = 128, 4, 0.3


def ours(case: Case) -> Tasks:
    from keras_mer.models import CMMSF

    model = CMMSF(case.widths, UNITS, HEADS, dropout=DROPOUT, outputs=case.classes)
    fill(model)
    return keras_tasks(model, case)


def plain(case: Case) -> Tasks:
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    def zeroed(x, mask):
        return x if mask is None else x * mask.unsqueeze(-1)

    def read_rows(lstm, x, mask):
        if mask is None:
            return lstm(x)[0]
        packed = pack_padded_sequence(x, mask.sum(dim=1), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(lstm(packed)[0], True, total_length=x.shape[1])[0]

    class Convolutions(nn.Module):
        def __init__(self, path, dim):
            super().__init__()
            path = f"{path}/masked_convolution1d/convolution"
            self.a = filled(nn.Conv1d(dim, UNITS, 3, padding=1), f"{path}_0")
            self.b = filled(nn.Conv1d(UNITS, UNITS, 3, padding=1), f"{path}_1")

        def forward(self, x, mask):
            x = zeroed(
                functional.gelu(self.a(zeroed(x, mask).transpose(1, 2))).transpose(1, 2), mask
            )
            return self.b(x.transpose(1, 2)).transpose(1, 2)

    class Block(nn.Module):
        def __init__(self, path):
            super().__init__()
            inner = f"{path}/cross_modal_attention"
            self.q, self.k, self.v, self.o = (
                linear(f"{inner}/{name}", UNITS, UNITS)
                for name in ("query", "key", "value", "output")
            )
            self.norm_a, self.norm_b = norm(inner, UNITS), norm(path, UNITS)
            self.convolutions = Convolutions(path, UNITS)

        def forward(self, z, source, mask, seen_mask):
            q, k, v = (
                f(x).unflatten(2, (HEADS, -1)).transpose(1, 2)
                for f, x in ((self.q, z), (self.k, source), (self.v, source))
            )
            visible = None if seen_mask is None else seen_mask[:, None, None]
            seen = functional.scaled_dot_product_attention(q, k, v, visible)
            seen = seen.transpose(1, 2).flatten(2)
            z = self.norm_a(z + functional.dropout(self.o(seen), DROPOUT, self.training))
            deep = self.convolutions(z, mask)
            return self.norm_b(z + functional.dropout(deep, DROPOUT, self.training))

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            names = list(case.widths)
            self.shallow = nn.ModuleDict(
                {m: linear(f"extractor_{m}/shallow", w, UNITS) for m, w in case.widths.items()}
            )
            self.deep = nn.ModuleDict(
                {m: Convolutions(f"extractor_{m}", w) for m, w in case.widths.items()}
            )
            self.norms = nn.ModuleDict({m: norm(f"extractor_{m}", UNITS) for m in names})
            self.readers = nn.ModuleDict({m: reader(m) for m in names})
            self.blocks = nn.ModuleDict(
                {
                    f"{m}_{i}": Block(f"encoder/block_{m}_{i}")
                    for m in names
                    for i in range(len(names) - 1)
                }
            )
            self.transform, self.keep, self.gate = (
                nn.ModuleDict({m: linear(f"fusion/{part}_{m}", dim, UNITS) for m in names})
                for part, dim in (
                    ("transform", UNITS),
                    ("keep", UNITS),
                    ("gate", UNITS * len(names)),
                )
            )
            self.hidden = linear("hidden", UNITS * len(names), UNITS)
            self.prediction = linear("prediction", UNITS, case.classes)

        def forward(self, x):
            masks = {m: x.get(f"{m}_mask") for m in case.widths}
            read = {}
            for m, mask in masks.items():
                both = self.shallow[m](x[m]) + self.deep[m](x[m], mask)
                read[m] = read_rows(self.readers[m], self.norms[m](both), mask)
            pooled = {}
            for m, mask in masks.items():
                z = read[m]
                for i, other in enumerate(n for n in masks if n != m):
                    z = self.blocks[f"{m}_{i}"](z, read[other], mask, masks[other])
                pooled[m] = z.mean(dim=1)
                if mask is not None:
                    pooled[m] = zeroed(z, mask).sum(dim=1) / mask.sum(dim=1, keepdim=True)
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

    return tasks(Plain(), case, lambda model, x, y: loss_of(case)(model(x), y))
