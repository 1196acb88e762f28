"""The reference models of the MMSA framework."""

import keras
import numpy as np
from golden import component, conv, dense, lstm, norm, results
from keras import ops

from keras_mer.models import EFLSTM, LMF, TFN, MulT

NAMES = ("text", "audio", "video")


def by_modality(values):
    return dict(zip(NAMES, values, strict=True))


def called(model, inputs):
    """The model's outputs for inputs that are all real; a vector is a sequence of one."""
    sequences = {m: x if len(x.shape) == 3 else x[:, None] for m, x in inputs.items()}
    masks = {f"{m}_mask": ops.ones(x.shape[:2], "bool") for m, x in sequences.items()}
    return model({**sequences, **masks})


def with_vectors(model):
    """A model that returns the vectors of the modalities beside the prediction."""
    vectors = {m: encoder.output for m, encoder in model.encode.items()}
    return keras.Model(model.input, {"y": model.output, **vectors})


def encoders(model):
    text = model.encode["text"]
    yield from lstm(text.reader.forward_weights, "text.lstm.l0")
    yield from dense(text.linear, "text.lin")
    for m in ("audio", "video"):
        yield from norm(model.encode[m].norm, f"{m}.bn")
        for i, linear in enumerate(model.encode[m].maps):
            yield from dense(linear, f"{m}.lin_{i + 1}")


def vectors_of(found):
    return {"out.y": found["y"], **{f"mid.{m}": found[m] for m in NAMES}}


@component("mmsa_tfn")
def tfn(case):
    config = case.config
    hidden, out = by_modality(config["hidden"]), config["text_out"]
    model = TFN(by_modality(config["input_dims"]), hidden, out, config["post"])
    sizes = [hidden["audio"] + 1, hidden["video"] + 1, out + 1]

    def text_slowest(kernel):
        """The case runs through audio, video, text; the layer through text, audio, video."""
        blocks = ops.reshape(ops.transpose(kernel), (*sizes, -1))
        return ops.reshape(ops.transpose(blocks, (2, 0, 1, 3)), (np.prod(sizes), -1))

    first, second = model.hidden_layers
    fill = [
        *encoders(model),
        (first.kernel, lambda w: text_slowest(w["post_1.weight"])),
        (first.bias, lambda w: w["post_1.bias"]),
        *dense(second, "post_2"),
        *dense(model.output_layer, "post_3"),
    ]
    outputs = with_vectors(model)
    return results(case, lambda x, _: vectors_of(called(outputs, x)), fill)


@component("mmsa_lmf")
def lmf(case):
    config = case.config
    model = LMF(
        by_modality(config["input_dims"]), by_modality(config["hidden"]), rank=config["rank"]
    )
    fusion = model.output_layer

    def rows(factor):
        return ops.reshape(ops.transpose(factor, (1, 0, 2)), (factor.shape[1], -1))

    fill = [
        *encoders(model),
        *((fusion.factors[m], lambda w, m=m: rows(w[f"factor.{m}"])) for m in NAMES),
        (fusion.rank_weights, lambda w: ops.transpose(w["rank_weights"])),
        (fusion.bias, lambda w: w["bias"][0]),
    ]
    outputs = with_vectors(model)
    return results(case, lambda x, _: vectors_of(called(outputs, x)), fill)


@component("mmsa_ef_lstm")
def ef_lstm(case):
    config = case.config
    model = EFLSTM(
        by_modality(config["input_dims"]), config["hidden"], config["layers"], config["steps"]
    )
    fill = [
        *norm(model.fusion.norm, "bn"),
        *(
            p
            for i, reader in enumerate(model.readers)
            for p in lstm(reader.forward_weights, f"lstm.l{i}")
        ),
        *dense(model.hidden_layer, "lin"),
        *dense(model.output_layer, "out"),
    ]
    return results(case, lambda x, _: {"out.y": called(model, x)}, fill)


def stack(transformer, name):
    """A stack whose query, key and value lie in one weight."""
    for i, layer in enumerate(transformer.parts):
        for place, role in enumerate(("query", "key", "value")):

            def third(w, kind, path=f"{name}.l{i}.qkv", place=place):
                return ops.split(w[f"{path}.{kind}"], 3, axis=0)[place]

            yield layer[role].kernel, lambda w, third=third: ops.transpose(third(w, "weight"))
            yield layer[role].bias, lambda w, third=third: third(w, "bias")
        yield from dense(layer["output"], f"{name}.l{i}.o")
        yield from dense(layer["widen"], f"{name}.l{i}.fc_1")
        yield from dense(layer["narrow"], f"{name}.l{i}.fc_2")
        yield from norm(layer["norm_1"], f"{name}.l{i}.ln_1")
        yield from norm(layer["norm_2"], f"{name}.l{i}.ln_2")
    yield from norm(transformer.norm, f"{name}.ln")


@component("mmsa_mult")
def mult(case):
    config = case.config
    model = MulT(
        by_modality(config["input_dims"]),
        config["dim"],
        config["heads"],
        config["layers"],
        config["memory_layers"],
        by_modality(config["kernels"]),
        config["causal"],
    )
    fill = [
        *(
            p
            for m, layer in model.convolutions.items()
            for p in conv(layer.convolution, f"conv_{m}")
        ),
        *(p for name, look in model.looks.items() for p in stack(look, name)),
        *(p for m, memory in model.memories.items() for p in stack(memory, f"{m}_memory")),
        *dense(model.residual_block[0], "proj_1"),
        *dense(model.residual_block[1], "proj_2"),
        *dense(model.output_layer, "out"),
    ]
    looks = {name: look.output for name, look in model.looks.items()}
    outputs = keras.Model(model.input, {"y": model.output, **looks})

    def forward(x, _):
        found = called(outputs, x)
        whole = {f"mid.{name}": case.arrays[f"mid.{name}"].shape[1] for name in looks}
        mid = {path: found[path[4:]][:, :steps] for path, steps in whole.items()}
        return {"out.y": found["y"], **mid}

    return results(case, forward, fill)
