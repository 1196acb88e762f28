"""Foal-Net, the paper's sizes; training with both objectives.

Plain PyTorch draws its negatives with one call as well: the loop over the batch that its authors
published would take longer.
"""

from benchmarks.case import Case
from benchmarks.interleaved import Tasks
from benchmarks.plain import fill, keras_tasks, linear, norm, tasks

HEADS, LAYERS, PROJECTION = 4, 2, 512
DROPOUT, PROJECTION_DROPOUT, TEMPERATURE, MATCHING = 0.1, 0.5, 0.07, 0.1


def ours(case: Case) -> Tasks:
    from keras_mer.models import FoalNet

    model = FoalNet(case.widths)
    fill(model)
    model.alignment.tau.assign(TEMPERATURE)
    return keras_tasks(model, case)


def plain(case: Case) -> Tasks:
    import torch
    from torch import nn
    from torch.nn import functional

    widths = dict(case.widths)

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
            self.projection = linear(f"{path}/projection", widths[m], PROJECTION, bias=False)
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
            others = dict(zip(widths, reversed(widths), strict=True))
            self.stacks = nn.ModuleDict(
                {
                    m: nn.ModuleList(
                        Look(f"stack_{m}/look_{i}", widths[m], widths[other]) for i in range(LAYERS)
                    )
                    for m, other in others.items()
                }
            )
            self.output = linear("prediction", sum(widths.values()), case.classes)
            self.projections = nn.ModuleDict({m: Projection(m) for m in widths})
            self.tau = nn.Parameter(torch.tensor(TEMPERATURE))
            self.matching = nn.ModuleDict(
                {m: linear(f"matching/match_{m}", w, 2) for m, w in widths.items()}
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

    def objectives(model, x, y):
        vectors = model.vectors(x)
        loss = functional.cross_entropy(model.head(vectors), y)
        audio, video = (
            functional.normalize(model.projections[m](x[m].mean(1)), dim=1) for m in widths
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
        match = torch.arange(2 * len(y)) < len(y)
        for m, head in model.matching.items():
            logits = head(torch.cat([vectors[m], wrong[m]]))
            loss = loss + MATCHING * functional.cross_entropy(logits, match.long()) / 2
        return loss

    return tasks(Plain(), case, objectives)
