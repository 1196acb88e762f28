"""MCIHN, the defaults of the model: an adversarial autoencoder per modality, gates, attention.

Training has all its objectives in one step: reconstruction, discriminators behind a reversed
gradient, and the discrepancy of each pair.
"""

from itertools import combinations

from benchmarks.case import Case
from benchmarks.interleaved import Tasks
from benchmarks.plain import fill, keras_tasks, linear, loss_of, norm, tasks

LATENT, HIDDEN, HEADS, FUSION, DROPOUT = 128, 256, 4, 128, 0.1
DISCRIMINATOR = (128, 64)
RECONSTRUCTION, GENERATOR, DISCREPANCY, KERNELS = 0.1, 0.05, 0.1, 5


def ours(case: Case) -> Tasks:
    from keras_mer.models import MCIHN

    model = MCIHN(case.widths, outputs=case.classes)
    fill(model)
    return keras_tasks(model, case)


def plain(case: Case) -> Tasks:
    import torch
    from torch import nn
    from torch.nn import functional

    class Reversed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, gradient):
            return -GENERATOR * gradient

    class Autoencoder(nn.Module):
        def __init__(self, m):
            super().__init__()
            path, width = f"autoencoder_{m}", case.widths[m]
            self.encoder = nn.Sequential(
                linear(f"{path}/encoder_0", width, HIDDEN),
                nn.ReLU(),
                linear(f"{path}/encoder_1", HIDDEN, LATENT),
                norm(path, LATENT),
            )
            self.decoder = nn.Sequential(
                linear(f"{path}/decoder_0", LATENT, HIDDEN),
                nn.ReLU(),
                linear(f"{path}/decoder_1", HIDDEN, width),
            )
            first, second = DISCRIMINATOR
            self.discriminator = nn.Sequential(
                linear(f"{path}/discriminator_0", LATENT, first),
                nn.LeakyReLU(0.2),
                linear(f"{path}/discriminator_1", first, second),
                nn.LeakyReLU(0.2),
                linear(f"{path}/discriminator_2", second, 1),
            )

        def losses(self, x, codes, code):
            loss = RECONSTRUCTION * functional.mse_loss(self.decoder(codes), x)
            seen = torch.cat([torch.randn_like(code), Reversed.apply(code)])
            drawn, held = self.discriminator(seen)[:, 0].chunk(2)
            return loss + (functional.softplus(-drawn) + functional.softplus(held)).mean()

    class Gate(nn.Module):
        def __init__(self, a, b):
            super().__init__()
            path = f"gate_{a}_{b}"
            self.gate = linear(f"{path}/gate", 2 * LATENT, LATENT)
            self.one, self.other = (linear(f"{path}/transform_{m}", LATENT, LATENT) for m in (a, b))

        def forward(self, a, b):
            g = torch.sigmoid(self.gate(torch.cat([a, b], 1)))
            return g * torch.tanh(self.one(a)) + (1 - g) * torch.tanh(self.other(b))

    def discrepancy(a, b):
        x, n = torch.cat([a, b]), 2 * len(a)
        distance = torch.cdist(x, x).square()
        width = distance.detach().sum() / (n * n - n) / 2 ** (KERNELS // 2)
        kernel = sum(torch.exp(-distance / (width * 2**k)) for k in range(KERNELS))
        aa, ab, ba, bb = (part for row in kernel.chunk(2) for part in row.chunk(2, 1))
        return (aa + bb - ab - ba).mean()

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.autoencoders = nn.ModuleDict({m: Autoencoder(m) for m in case.widths})
            self.pairs = list(combinations(case.widths, 2))
            self.gates = nn.ModuleList(Gate(*pair) for pair in self.pairs)
            self.q, self.k, self.v, self.o = (
                linear(f"attention/{name}", LATENT, LATENT)
                for name in ("query", "key", "value", "output")
            )
            self.norm = norm("attention", LATENT)
            tokens = len(self.pairs) + len(case.widths)
            self.hidden = linear("hidden", tokens * LATENT, FUSION)
            self.prediction = linear("prediction", FUSION, case.classes)

        def encode(self, x):
            return {m: a.encoder(x[m]) for m, a in self.autoencoders.items()}

        def head(self, codes):
            made = [
                gate(codes[a], codes[b])
                for (a, b), gate in zip(self.pairs, self.gates, strict=True)
            ]
            tokens = torch.stack([*made, *codes.values()], 1)
            q, k, v = (
                f(tokens).unflatten(2, (HEADS, -1)).transpose(1, 2)
                for f in (self.q, self.k, self.v)
            )
            seen = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            seen = functional.dropout(self.o(seen), DROPOUT, self.training)
            hidden = functional.relu(self.hidden(self.norm(tokens + seen).flatten(1)))
            return self.prediction(functional.dropout(hidden, DROPOUT, self.training))

        def forward(self, x):
            return self.head({m: steps.mean(1) for m, steps in self.encode(x).items()})

    def objectives(model, x, y):
        steps = model.encode(x)
        codes = {m: s.mean(1) for m, s in steps.items()}
        loss = loss_of(case)(model.head(codes), y)
        for m, autoencoder in model.autoencoders.items():
            loss = loss + autoencoder.losses(x[m], steps[m], codes[m])
        for a, b in model.pairs:
            loss = loss + DISCREPANCY * discrepancy(codes[a], codes[b])
        return loss

    return tasks(Plain(), case, objectives)
