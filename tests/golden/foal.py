"""Foal-Net: projection, alignment, cross-attention, matching, and the whole model."""

import keras
from golden import component, dense, norm, results, same
from keras import ops

from keras_mer.layers import (
    CrossModalAttentionStack,
    EmotionAlignment,
    HardNegatives,
    MaskedAveragePooling1D,
    ProjectionHead,
)
from keras_mer.losses import LabelAlignmentLoss
from keras_mer.models import FoalNet


def projection_fill(head, prefix=""):
    return [
        *dense(head.projection, f"{prefix}lin_1"),
        *dense(head.refinement, f"{prefix}lin_2"),
        *norm(head.norm, f"{prefix}ln"),
    ]


def stack_fill(stack, prefix=""):
    fill = []
    for i, look in enumerate(stack.looks):
        name = f"{prefix}l{i}"
        fill += dense(look.query_map, f"{name}.q") + dense(look.key_map, f"{name}.k")
        fill += dense(look.value_map, f"{name}.v") + dense(look.output_map, f"{name}.o")
        fill += norm(look.norm, f"{name}.ln")
    return fill


@component("foal_projection")
def projection(case):
    head = ProjectionHead(case.config["output_dim"], use_bias=False)
    head.build(case.inputs["x"].shape)
    return results(case, lambda i, _: {"out.y": head(i["x"])}, projection_fill(head))


def hard_weights(similarity, labels):
    scores, _ = HardNegatives().scores(similarity, labels)
    return ops.softmax(scores), ops.softmax(ops.transpose(scores))


@component("foal_align")
def align(case):
    layer = EmotionAlignment(case.config["tau"])
    layer.build(case.inputs["audio"].shape, case.inputs["video"].shape)

    def forward(inputs, _):
        similarity = layer(inputs["audio"], inputs["video"])
        video, audio = hard_weights(similarity, inputs["labels"])
        return {
            "out.similarity": similarity,
            "out.loss": LabelAlignmentLoss()(inputs["labels"], similarity),
            "out.hard_weights_video": video,
            "out.hard_weights_audio": audio,
        }

    return results(case, forward, same(layer.tau, "tau"))


@component("foal_cross_attention")
def cross_attention(case):
    stack = CrossModalAttentionStack(
        case.config["layers"], case.config["heads"], missing_source="even"
    )
    stack.build(case.inputs["query"].shape, case.inputs["source"].shape)
    pool = MaskedAveragePooling1D()

    def forward(inputs, _):
        # The case holds every step of the query, the masked ones too.
        steps = stack(inputs["query"], inputs["source"], source_mask=inputs["source_mask"])
        return {"out.sequence": steps, "out.pooled": pool(steps, mask=inputs["query_mask"])}

    return results(case, forward, stack_fill(stack))


def model_of(case):
    config = case.config
    return FoalNet(
        {"audio": config["audio_dim"], "video": config["video_dim"]},
        config["layers"],
        config["heads"],
        config.get("projection_dim", 1),
        dropout=0.0,
        projection_dropout=0.0,
        temperature=config.get("tau", 1.0),
        alignment_weight=config.get("weight_align", 0.0),
        matching_weight=config.get("weight_match", 1.0),
        missing_source="even",
        outputs=config.get("classes", 1),
    )


def model_fill(model):
    fill = [*stack_fill(model.stacks["audio"], "a2v."), *stack_fill(model.stacks["video"], "v2a.")]
    for name, head in (("match_a2v", "audio"), ("match_v2a", "video")):
        fill += dense(model.matching.heads[head], name)
    return fill


def forward_pass(model, inputs):
    """The prediction, what the forward pass computed, and the partners that the case gives."""
    named = {name: inputs[name] for name in ("audio", "video", "audio_mask", "video_mask")}
    prediction = model(named, training=True)
    drawn = {
        "columns": inputs["negative_video"],
        "rows": inputs["negative_audio"],
        "found": ops.ones_like(inputs["labels"], dtype="bool"),
    }
    return prediction, model._sides.of(prediction, named, training=True), drawn


@component("foal_match")
def match(case):
    model = model_of(case)

    def forward(inputs, _):
        _, pieces, drawn = forward_pass(model, inputs)
        logits = model.matching_logits(pieces, drawn)
        return {
            "out.logits_a2v": logits["audio"],
            "out.logits_v2a": logits["video"],
            "out.loss": model.objectives(pieces, inputs["labels"], drawn)["matching"],
        }

    return results(case, forward, model_fill(model))


@component("foal_full")
def full(case):
    model = model_of(case)
    fill = [
        *model_fill(model),
        *projection_fill(model.projections["audio"], "proj_audio."),
        *projection_fill(model.projections["video"], "proj_video."),
        *dense(model.output_layer, "classifier"),
        *same(model.alignment.tau, "tau"),
    ]
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def forward(inputs, _):
        logits, pieces, drawn = forward_pass(model, inputs)
        values = model.objectives(pieces, inputs["labels"], drawn)
        classified = cross_entropy(inputs["labels"], logits)
        weighted = [model.objective_weights[name] * value for name, value in values.items()]
        return {
            "mid.audio_pooled": pieces["vectors"]["audio"],
            "mid.video_pooled": pieces["vectors"]["video"],
            "out.logits": logits,
            "out.loss_class": classified,
            "out.loss_align": values["alignment"],
            "out.loss_match": values["matching"],
            "out.loss": classified + sum(weighted),
        }

    return results(case, forward, fill)
