"""DeepMSI-MER on features of frames: without its Swin trunk, the temporal convolution 128 wide.

Training has the contrastive objective beside the classification.
"""

from benchmarks.case import Case
from benchmarks.interleaved import Tasks
from benchmarks.plain import fill, filled, keras_tasks, linear, norm, parameter, tasks, weight

FILTERS, KERNEL, PROJECTION, HIDDEN = (128, 128, 128), 3, 256, (512, 256, 128)
DROPOUT, PROJECTION_DROPOUT, CONTRASTIVE, TEMPERATURE = 0.3, 0.2, 0.5, 0.5


def ours(case: Case) -> Tasks:
    from keras_mer.models import DeepMSIMER

    model = DeepMSIMER(case.widths, case.classes, filters=FILTERS)
    fill(model)
    return keras_tasks(model, case)


def plain(case: Case) -> Tasks:
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.nn.utils.parametrizations import weight_norm

    def convolution(path, dim, units, dilation):
        made = nn.Conv1d(dim, units, KERNEL, dilation=dilation)
        made = weight_norm(made)
        g, v = made.parametrizations.weight.original0, made.parametrizations.weight.original1
        with torch.no_grad():
            g.copy_(parameter(f"{path}/length", (units,))[:, None, None])
            v.copy_(torch.tensor(weight(f"{path}/direction", (KERNEL, dim, units)).T))
            made.bias.copy_(parameter(f"{path}/bias", (units,)))
        return made

    class Block(nn.Module):
        def __init__(self, i, dim, units):
            super().__init__()
            path = "temporal_convolution"
            self.before = (KERNEL - 1) * 2**i
            self.convolutions = nn.ModuleList(
                convolution(f"{path}/convolution_{i}_{j}", d, units, 2**i)
                for j, d in enumerate((dim, units))
            )
            self.shortcut = nn.Identity()
            if dim != units:
                self.shortcut = nn.Conv1d(dim, units, 1)
                kernel = torch.tensor(weight(f"{path}/shortcut_{i}/kernel", (dim, units)).T)
                with torch.no_grad():
                    self.shortcut.weight.copy_(kernel[:, :, None])
                    self.shortcut.bias.copy_(parameter(f"{path}/shortcut_{i}/bias", (units,)))

        def forward(self, x):
            h = x
            for convolution in self.convolutions:
                h = functional.relu(convolution(functional.pad(h, (self.before, 0))))
                h = functional.dropout(h, DROPOUT, self.training)
            return functional.relu(h + self.shortcut(x))

    class Projection(nn.Module):
        def __init__(self, m, dim):
            super().__init__()
            path = f"projection_{m}"
            self.projection = linear(f"{path}/projection", dim, PROJECTION)
            self.refinement = linear(f"{path}/refinement", PROJECTION, PROJECTION)
            self.norm = norm(path, PROJECTION)

        def forward(self, x):
            p = self.projection(x)
            refined = self.refinement(functional.gelu(p))
            return self.norm(p + functional.dropout(refined, PROJECTION_DROPOUT, self.training))

    def batch_norm(path, units):
        made = filled(nn.BatchNorm1d(units), path)
        with torch.no_grad():
            made.running_mean.copy_(torch.tensor(weight(f"{path}/moving_mean", (units,))))
            made.running_var.copy_(torch.tensor(weight(f"{path}/moving_variance", (units,))))
        return made

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [case.widths["video"], *FILTERS]
            pairs = zip(widths, FILTERS, strict=False)
            self.temporal = nn.Sequential(*(Block(i, *pair) for i, pair in enumerate(pairs)))
            dims = {"video": FILTERS[-1], **{m: case.widths[m] for m in ("text", "audio")}}
            self.projections = nn.ModuleDict({m: Projection(m, d) for m, d in dims.items()})
            layers, dim = [], PROJECTION * len(dims)
            for i, units in enumerate(HIDDEN):
                layers += [
                    linear(f"classifier/hidden_{i}", dim, units),
                    batch_norm("classifier/batch_normalization", units),
                    nn.LeakyReLU(),
                    nn.Dropout(DROPOUT),
                ]
                dim = units
            self.classifier = nn.Sequential(*layers, linear("prediction", dim, case.classes))

        def project(self, x):
            summaries = {m: x[m].mean(1) for m in ("text", "audio")}
            summaries["video"] = self.temporal(x["video"].transpose(1, 2))[:, :, -1]
            return {m: project(summaries[m]) for m, project in self.projections.items()}

        def forward(self, x):
            return self.classifier(torch.cat(list(self.project(x).values()), 1))

    def contrastive(anchors, others, y):
        anchors, others = functional.normalize(anchors), functional.normalize(others)
        s = anchors @ others.T / TEMPERATURE
        alike = y[:, None] == y[None]
        negatives = s.masked_fill(alike, -1e9).logsumexp(1, keepdim=True)
        each = functional.softplus(negatives - s) * (alike & ~torch.eye(len(y), dtype=torch.bool))
        return each.sum() / (len(y) * (len(y) - 1))

    def objectives(model, x, y):
        vectors = model.project(x)
        logits = model.classifier(torch.cat(list(vectors.values()), 1))
        losses = [contrastive(vectors["video"], vectors[m], y) for m in ("text", "audio")]
        return functional.cross_entropy(logits, y) + CONTRASTIVE * sum(losses) / 2

    return tasks(Plain(), case, objectives)
