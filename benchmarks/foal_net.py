"""A training step and a prediction of Foal-Net, against the same network in plain PyTorch.

Batch 32, 50 steps of audio and 16 of video, widths 1024 and 768, the paper's sizes, all steps
real; training with both objectives. Plain torch draws its negatives with one call as well: the
loop over the batch that its authors published would take longer.
"""

import numpy as np

from benchmarks.interleaved import PLAIN, run
from benchmarks.plain import fill, filled, keras_tasks, tasks

WIDTHS, TIMES = {"audio": 1024, "video": 768}, {"audio": 50, "video": 16}
BATCH, HEADS, LAYERS, PROJECTION, LABEL_COUNT = 32, 4, 2, 512, 4
DROPOUT, PROJECTION_DROPOUT, TEMPERATURE, MATCHING = 0.1, 0.5, 0.07, 0.1
RNG = np.random.default_rng(0)
SEQUENCES = {m: RNG.normal(size=(BATCH, TIMES[m], w)).astype("float32") for m, w in WIDTHS.items()}
LABELS = RNG.integers(0, LABEL_COUNT, size=BATCH).astype("int32")


def ours():
    import keras

    from keras_mer.models import FoalNet

    model = FoalNet(WIDTHS)
    fill(model)
    model.alignment.tau.assign(TEMPERATURE)
    inputs = {
        **SEQUENCES,
        **{f"{m}_mask": np.ones(x.shape[:2], bool) for m, x in SEQUENCES.items()},
    }
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return keras_tasks(model, inputs, LABELS, loss)


def plain():
    import torch
    from torch import nn
    from torch.nn import functional

    def linear(path, dim, units, bias=True):
        return filled(nn.Linear(dim, units, bias), path)

    def norm(path, dim):
        return filled(nn.LayerNorm(dim, eps=1e-5), f"{path}/layer_normalization")

    class Look(nn.Module):
        def __init__(self, path, dim, source):
            super().__init__()
            self.q, self.o = (linear(f"{path}/{n}", dim, dim) for n in ("query", "output"))
            self.k, self.v = (linear(f"{path}/{n}", source, dim) for n in ("key", "value"))
            self.norm = norm(path, dim)

        def forward(self, z, source):
            q, k, v = (
                f(x).unflatten(2, (HEADS, -1)).transpose(1, 2)
                for f, x in ((self.q, z), (self.k, source), (self.v, source))
            )
            seen = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            return self.norm(z + functional.dropout(self.o(seen), DROPOUT, self.training))

    class Projection(nn.Module):
        def __init__(self, m):
            super().__init__()
            path = f"projection_{m}"
            self.projection = linear(f"{path}/projection", WIDTHS[m], PROJECTION, bias=False)
            self.refinement = linear(f"{path}/refinement", PROJECTION, PROJECTION, bias=False)
            self.norm = norm(path, PROJECTION)

        def forward(self, x):
            projected = self.projection(x)
            refined = self.refinement(functional.gelu(projected))
            return self.norm(
                projected + functional.dropout(refined, PROJECTION_DROPOUT, self.training)
            )

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            others = dict(zip(WIDTHS, reversed(WIDTHS), strict=True))
            self.stacks = nn.ModuleDict(
                {
                    m: nn.ModuleList(
                        Look(f"stack_{m}/look_{i}", WIDTHS[m], WIDTHS[other]) for i in range(LAYERS)
                    )
                    for m, other in others.items()
                }
            )
            self.output = linear("prediction", sum(WIDTHS.values()), LABEL_COUNT)
            self.projections = nn.ModuleDict({m: Projection(m) for m in WIDTHS})
            self.tau = nn.Parameter(torch.tensor(TEMPERATURE))
            self.matching = nn.ModuleDict(
                {m: linear(f"matching/match_{m}", w, 2) for m, w in WIDTHS.items()}
            )

        def fused(self, m, z, source):
            for look in self.stacks[m]:
                z = look(z, source)
            return z.mean(1)

        def vectors(self, x):
            return {
                "audio": self.fused("audio", x["audio"], x["video"]),
                "video": self.fused("video", x["video"], x["audio"]),
            }

        def head(self, vectors):
            joined = torch.cat([vectors["audio"], vectors["video"]], 1)
            return self.output(functional.dropout(joined, DROPOUT, self.training))

        def forward(self, x):
            return self.head(self.vectors(x))

    def objectives(model, x):
        vectors = model.vectors(x)
        loss = functional.cross_entropy(model.head(vectors), y)
        audio, video = (
            functional.normalize(model.projections[m](x[m].mean(1)), dim=1) for m in WIDTHS
        )
        similarity = audio @ video.T / model.tau
        alike = (y[:, None] == y[None]).float()
        for s in (similarity, similarity.T):
            loss = loss - (functional.log_softmax(s, 1) * alike).sum(1).mean() / 2
        scores = similarity.detach().masked_fill(alike.bool(), -1e9)
        columns, rows = (torch.multinomial(s.softmax(1), 1)[:, 0] for s in (scores, scores.T))
        wrong = {
            "audio": model.fused("audio", x["audio"], x["video"][columns]),
            "video": model.fused("video", x["video"], x["audio"][rows]),
        }
        match = torch.arange(2 * BATCH) < BATCH
        for m, head in model.matching.items():
            logits = head(torch.cat([vectors[m], wrong[m]]))
            loss = loss + MATCHING * functional.cross_entropy(logits, match.long()) / 2
        return loss

    x, y = {m: torch.tensor(s) for m, s in SEQUENCES.items()}, torch.tensor(LABELS).long()
    return tasks(Plain(), x, objectives)


if __name__ == "__main__":
    run(
        "benchmarks.foal_net",
        ["train", "predict"],
        "Foal-Net, batch 32, 50 and 16 steps, widths 1024/768",
        lambda backend: plain() if backend == PLAIN else ours(),
    )
