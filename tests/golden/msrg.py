"""MSRG and the joint cross-attention that it builds on."""

import keras
from golden import component, dense, gru, lstm, results, same
from keras import ops

from keras_mer.layers import (
    AdaptiveMultimodalLinearPooling,
    JointCrossAttentionFusion,
    ResidualGatingCell,
    ResidualGatingNetwork,
)
from keras_mer.models import MSRG

MODALITIES = ("text", "audio", "video")


def gating(cell, name=""):
    """A `ResidualGatingCell`, whose kernel holds four maps side by side."""

    def joined(turn, kind, *names):
        return lambda w: ops.concatenate([turn(w[f"{name}{n}.{kind}"]) for n in names], axis=-1)

    def as_it_is(x):
        return x

    return [
        (cell.kernel, joined(ops.transpose, "weight", "forget_1", "gate", "cand", "res")),
        (cell.bias, joined(as_it_is, "bias", "forget_1", "gate", "cand")),
        (cell.forget_kernel, joined(ops.transpose, "weight", "forget_2")),
        *same(cell.forget_bias, f"{name}forget_2.bias"),
    ]


@component("msrg_rgn_cell")
def cell(case):
    x, s = case.inputs["x"], case.inputs["s"]
    layer = ResidualGatingCell(s.shape[-1])
    layer.build(x.shape)
    return results(case, lambda x, _: {"out.s": layer(x["x"], [x["s"]])[0]}, gating(layer))


@component("msrg_rgn_sequence")
def sequence(case):
    x = case.inputs["x"]
    layer = ResidualGatingNetwork(case.config["state_dim"])
    layer.build(x.shape)

    def forward(inputs, _):
        states = layer.states(inputs["x"])
        return {
            "out.fwd_states": states["forward"],
            "out.bwd_states": ops.flip(states["backward"], axis=1),
            "out.fwd_last": states["forward"][:, -1],
            "out.bwd_last": states["backward"][:, 0],
            "out.sum": layer(inputs["x"]),
        }

    cells = layer.cells
    return results(
        case, forward, [*gating(cells["forward"], "fwd."), *gating(cells["backward"], "bwd.")]
    )


def pooling(shape, norm):
    layer = AdaptiveMultimodalLinearPooling(norm=norm, unit_length="time", dropout=0.0)
    layer.build(dict.fromkeys(MODALITIES, shape))
    return layer


def pooling_weights(layer, name=""):
    return [pair for m in MODALITIES for pair in dense(layer.maps[m], f"{name}{m}")]


@component("msrg_amlp")
def amlp(case):
    layer = pooling(case.inputs["text"].shape, case.config["norm"])

    def forward(inputs, _):
        pooled, weights = layer.pool(inputs, dict.fromkeys(MODALITIES))
        alpha = ops.stack([weights[m] for m in MODALITIES], axis=-1)
        alpha = alpha if case.config["norm"] == "sample" else alpha[:1]
        return {"out.joint": layer(inputs), "mid.pooled": pooled, "mid.alpha": alpha}

    return results(case, forward, pooling_weights(layer))


def attention_weights(layer, name=""):
    return [
        pair
        for m, maps in layer.maps.items()
        for role, each in maps.items()
        for pair in dense(each, f"{name}{m}.{role}")
    ]


def attention(case, joint_shape):
    layer = JointCrossAttentionFusion(
        case.config["hidden"], joint_of={"video": case.config["video_joint"]}
    )
    layer.build({m: case.inputs[m].shape for m in MODALITIES}, joint_shape)
    return layer


def outputs(tensors):
    return {f"out.{name}": tensor for name, tensor in tensors.items()}


@component("msrg_jcaf_given")
def joint_given(case):
    layer = attention(case, case.inputs["joint"].shape)

    def forward(inputs, _):
        return outputs(layer({m: inputs[m] for m in MODALITIES}, joint=inputs["joint"]))

    return results(case, forward, attention_weights(layer))


@component("msrg_jcaf")
def joint_pooled(case):
    shape = case.inputs["text"].shape
    layer, pool = attention(case, shape), pooling(shape, case.config["norm"])

    def forward(inputs, _):
        joint = pool(inputs)
        return {"mid.joint": joint, **outputs(layer(inputs, joint=joint))}

    return results(case, forward, [*attention_weights(layer), *pooling_weights(pool, name="amlp.")])


@component("jca_av")
def audio_and_video(case):
    size = case.config
    shape = (size["batch"], size["steps"], size["dim"])
    encoders = {m: keras.layers.Dense(size["dim"]) for m in ("audio", "video")}
    for m, encoder in encoders.items():
        encoder.build(case.inputs[m].shape)
    layer = JointCrossAttentionFusion(size["hidden"])
    layer.build(dict.fromkeys(encoders, shape))
    heads = [keras.layers.Dense(size["score_dim"]), keras.layers.Dense(1)]
    heads[0].build((*shape[:2], 2 * size["dim"]))
    heads[1].build((*shape[:2], size["score_dim"]))

    def forward(inputs, _):
        fused = layer({m: encoder(inputs[m]) for m, encoder in encoders.items()})
        joined = ops.concatenate([fused["audio"], fused["video"]], axis=-1)
        return {**outputs(fused), "out.score": heads[1](heads[0](joined))}

    fill = [pair for m, encoder in encoders.items() for pair in dense(encoder, f"{m}.enc")]
    fill += [*dense(heads[0], "score_1"), *dense(heads[1], "score_2")]
    return results(case, forward, [*fill, *attention_weights(layer)])


@component("msrg_branch")
def branch(case):
    size = case.config
    model = MSRG(
        features=dict(zip(MODALITIES, size["input_dims"], strict=True)),
        steps=size["steps"],
        encoder_units=dict(zip(MODALITIES, size["gru_dims"], strict=True)),
        units=2 * size["bigru_dim"],
        attention_units=size["fusion_hidden"],
        memory_units=size["bilstm_dim"],
        state_units=size["state_dim"],
        hidden_units=size["head_dim"],
        unit_length="time",
        utterance_level=False,
    )
    fill = []
    for m in MODALITIES:
        for i, layer in enumerate(model.encoders[m][:-1]):
            fill += gru(layer.forward_weights, f"{m}.gru.l{i}")
        last = model.encoders[m][-1]
        fill += gru(last.forward_weights, f"{m}.bigru.l0.fwd")
        fill += gru(last.backward_weights, f"{m}.bigru.l0.bwd")
    fill += pooling_weights(model.pooling, "amlp.")
    fill += attention_weights(model.attention, "jcaf.")
    fill += lstm(model.memory.forward_weights, "bilstm.l0.fwd")
    fill += lstm(model.memory.backward_weights, "bilstm.l0.bwd")
    fill += gating(model.gating.cells["forward"], "rgn_fwd.")
    fill += gating(model.gating.cells["backward"], "rgn_bwd.")
    fill += dense(model.hidden, "head_1") + dense(model.output_layer.maps["steps"], "head_2")

    def forward(inputs, _):
        real = ops.ones((size["batch"], size["steps"]), "bool")
        masks = {f"{m}_mask": real for m in MODALITIES}
        return {"out.intensity": model({**inputs, **masks})}

    return results(case, forward, fill)
