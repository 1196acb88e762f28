"""CM-MSF in plain PyTorch, written from the equations as one would without Keras."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def zero_masked(x: Tensor, mask: Tensor) -> Tensor:
    return x.masked_fill(~mask[..., None], 0.0)


class Convolutions(nn.Module):
    """Conv1D, GELU, Conv1D, with zeros beyond the end of each row."""

    def __init__(self, width: int, units: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, units, 3, padding="same")
        self.second = nn.Conv1d(units, units, 3, padding="same")

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = functional.gelu(self.first(zero_masked(x, mask).transpose(1, 2)))
        x = x.masked_fill(~mask[:, None], 0.0)
        return self.second(x).transpose(1, 2)


class Extractor(nn.Module):
    def __init__(self, width: int, units: int) -> None:
        super().__init__()
        self.shallow = nn.Linear(width, units)
        self.deep = Convolutions(width, units)
        self.norm = nn.LayerNorm(units)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = zero_masked(x, mask)
        return zero_masked(self.norm(self.shallow(x) + self.deep(x, mask)), mask)


class Block(nn.Module):
    def __init__(self, units: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(units, units) for _ in range(4))
        self.norm_1, self.norm_2 = nn.LayerNorm(units), nn.LayerNorm(units)
        self.convolutions = Convolutions(units, units)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, source: Tensor, mask: Tensor, source_mask: Tensor) -> Tensor:
        x, source = zero_masked(x, mask), zero_masked(source, source_mask)
        q, k, v = (
            linear(of).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for linear, of in ((self.query, x), (self.key, source), (self.value, source))
        )
        seen = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=source_mask[:, None, None]
        )
        x = self.norm_1(x + self.drop(self.output(seen.transpose(1, 2).flatten(2))))
        return self.norm_2(x + self.drop(self.convolutions(x, mask)))


class CMMSFTorch(nn.Module):
    """The network of `keras_mer.models.CMMSF` at its defaults.

    Args:
        features: width of each modality, in the order text, audio, video.
        units: width inside.
        heads: heads of each attention.
        dropout: rate of dropout.
    """

    def __init__(
        self, features: dict[str, int], units: int = 128, heads: int = 4, dropout: float = 0.3
    ) -> None:
        super().__init__()
        names = list(features)
        self.names = names
        self.extractors = nn.ModuleDict({m: Extractor(w, units) for m, w in features.items()})
        self.readers = nn.ModuleDict(
            {m: nn.LSTM(units, units // 2, batch_first=True, bidirectional=True) for m in names}
        )
        self.blocks = nn.ModuleDict(
            {m: nn.ModuleList(Block(units, heads, dropout) for _ in names[1:]) for m in names}
        )
        self.transform = nn.ModuleDict({m: nn.Linear(units, units) for m in names})
        self.keep = nn.ModuleDict({m: nn.Linear(units, units) for m in names})
        self.gates = nn.ModuleDict({m: nn.Linear(len(names) * units, units) for m in names})
        self.hidden = nn.Linear(len(names) * units, units)
        self.prediction = nn.Linear(units, 1)
        self.drop = nn.Dropout(dropout)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        masks = {m: inputs[f"{m}_mask"] for m in self.names}
        read = {
            m: self._read(m, self.extractors[m](inputs[m], masks[m]), masks[m]) for m in self.names
        }
        return self._fuse({m: self._encode(m, read, masks) for m in self.names})

    def _read(self, name: str, x: Tensor, mask: Tensor) -> Tensor:
        packed = pack_padded_sequence(
            x, mask.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False
        )
        states, _ = self.readers[name](packed)
        return pad_packed_sequence(states, batch_first=True, total_length=x.shape[1])[0]

    def _encode(self, name: str, read: dict[str, Tensor], masks: dict[str, Tensor]) -> Tensor:
        x, mask = read[name], masks[name]
        others = [n for n in self.names if n != name]
        for block, other in zip(self.blocks[name], others, strict=True):
            x = block(x, read[other], mask, masks[other])
        return zero_masked(x, mask).sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def _fuse(self, vectors: dict[str, Tensor]) -> Tensor:
        joined = torch.cat(list(vectors.values()), dim=-1)
        parts = []
        for name, vector in vectors.items():
            kept = torch.sigmoid(self.keep[name](vector))
            kept = kept + ((kept > 0.5).to(kept.dtype) - kept).detach()
            gate = torch.sigmoid(self.gates[name](joined))
            parts.append(kept * gate * torch.tanh(self.transform[name](vector)))
        return self.prediction(self.drop(torch.relu(self.hidden(torch.cat(parts, dim=-1)))))
