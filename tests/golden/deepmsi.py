"""DeepMSI-MER, from its position tables to the whole model."""

import keras
from golden import component, conv, dense, norm, results, same
from keras import ops

from keras_mer.layers import (
    MultilayerPerceptron,
    PatchEmbedding,
    PatchMerging,
    ProjectionHead,
    SelectiveSwinTransformerBlock,
    SwinTransformerBlock,
    SwinTransformerStage,
    SwinTransformerV2,
    TemporalConvolution,
    VisualSequenceCompression,
    WindowAttention,
)
from keras_mer.layers._windows import (
    blocked_pairs,
    log_coordinates,
    relative_index,
    shift_zones,
)
from keras_mer.losses import cross_modal_contrastive
from keras_mer.models import DeepMSIMER

SELECTION = ("threshold", "alpha")


def to_grid(tokens):
    """Tokens (batch, tokens, dim), row by row, as a square (batch, side, side, dim)."""
    batch, count, dim = tokens.shape
    side = round(count**0.5)
    return ops.reshape(tokens, (batch, side, side, dim))


def to_tokens(grid):
    batch, height, width, dim = grid.shape
    return ops.reshape(grid, (batch, height * width, dim))


def selection(config):
    """The arguments of a selecting layer in the words of a case."""
    return {
        "compress": config["compress"] != "none",
        # The released block has no shortcut, and the cases with other fixes keep that.
        "shortcut": False,
        **{name: config[name] for name in SELECTION if name in config},
    }


def attention_fill(layer, prefix):
    return [
        *dense(layer.qkv, f"{prefix}qkv"),
        *dense(layer.output_map, f"{prefix}o"),
        *dense(layer.position_1, f"{prefix}pos_1"),
        *dense(layer.position_2, f"{prefix}pos_2"),
        *same(layer.logit_scale, f"{prefix}logit_scale"),
    ]


def block_fill(block, prefix):
    fill = [
        *attention_fill(block.attention, f"{prefix}attn."),
        *norm(block.attention_norm, f"{prefix}ln_1"),
        *norm(block.output_norm, f"{prefix}ln_3"),
        *dense(block.expansion, f"{prefix}mlp_1"),
        *dense(block.contraction, f"{prefix}mlp_2"),
    ]
    if isinstance(block, SelectiveSwinTransformerBlock):
        fill += norm(block.compression_norm, f"{prefix}ln_2")
    return fill


def stage_fill(stage, prefix):
    return [pair for i, b in enumerate(stage.blocks) for pair in block_fill(b, f"{prefix}b{i}.")]


def encoder_fill(encoder, prefix):
    fill = [
        *conv(encoder.embedding.convolution, f"{prefix}embed.conv"),
        *norm(encoder.embedding.norm, f"{prefix}embed.ln"),
        *norm(encoder.norm, f"{prefix}ln"),
    ]
    for i, stage in enumerate(encoder.stages):
        fill += stage_fill(stage, f"{prefix}s{i}.")
    for i, merging in enumerate(encoder.mergings):
        fill += norm(merging.norm, f"{prefix}s{i}.merge.ln")
        fill += dense(merging.reduction, f"{prefix}s{i}.merge.reduce")
    return fill


def mlp_fill(mlp, prefix, output):
    fill = dense(output, f"{prefix}lin_{len(mlp.hidden)}")
    for i, (hidden, batch_norm) in enumerate(zip(mlp.hidden, mlp.norms, strict=True)):
        fill = [*fill, *dense(hidden, f"{prefix}lin_{i}"), *norm(batch_norm, f"{prefix}bn_{i}")]
    return fill


def projection_fill(head, prefix):
    return [
        *dense(head.projection, f"{prefix}lin_1"),
        *dense(head.refinement, f"{prefix}lin_2"),
        *norm(head.norm, f"{prefix}ln"),
    ]


def tcn_fill(tcn, prefix):
    fill = []
    for i, (pair, down) in enumerate(zip(tcn.convolutions, tcn.shortcuts, strict=True)):
        for j, convolution in enumerate(pair, 1):
            name = f"{prefix}b{i}.conv_{j}"
            fill += [
                (convolution.direction, lambda w, n=name: ops.transpose(w[f"{n}.v"], (2, 1, 0))),
                (convolution.length, lambda w, n=name: ops.reshape(w[f"{n}.g"], (-1,))),
                *same(convolution.bias, f"{name}.bias"),
            ]
        if down is not None:
            name = f"{prefix}b{i}.down"
            fill += [
                (down.kernel, lambda w, n=name: ops.transpose(w[f"{n}.weight"][:, :, 0])),
                *same(down.bias, f"{name}.bias"),
            ]
    return fill


@component("deepmsi_mlp")
def mlp(case):
    config = case.config
    layer = MultilayerPerceptron(config["hidden"], config["output_dim"])
    layer.build(case.inputs["x"].shape)
    fill = mlp_fill(layer, "", layer.output_map)
    return results(case, lambda x, _: {"out.y": layer(x["x"])}, fill)


@component("deepmsi_projection")
def projection(case):
    layer = ProjectionHead(case.config["output_dim"])
    layer.build(case.inputs["x"].shape)
    return results(case, lambda x, _: {"out.y": layer(x["x"])}, projection_fill(layer, ""))


@component("deepmsi_vsc")
def compression(case):
    keep = case.config["keep"]
    options = {name: case.config[name] for name in SELECTION}
    forms = {
        "out.summed": VisualSequenceCompression(keep, **options),
        "out.last_write": VisualSequenceCompression(keep, merge="last_write", **options),
    }
    plain = VisualSequenceCompression(keep, compress=False, return_selection=True, **options)

    def forward(x, _):
        kept, chosen = plain(x["tokens"], x["guide"])
        found = {name: layer(x["tokens"], x["guide"]) for name, layer in forms.items()}
        return {
            **found,
            "out.kept": kept,
            "out.index": chosen["index"],
            "out.scores": chosen["scores"],
            "out.hits": chosen["merged"],
        }

    return results(case, forward)


@component("deepmsi_position_table", gradients=False)
def position_table(case):
    found = {}
    for window in case.config["windows"]:
        found[f"out.coords_{window}"] = log_coordinates(window)
        found[f"out.index_{window}"] = relative_index(window)
    return found


@component("deepmsi_shift_mask", gradients=False)
def shift_mask(case):
    found = {}
    for name in case.starting_with("out."):
        kind, *sizes = name.split("_")
        grid, window, shift = map(int, sizes)
        side = grid if kind == "grid" else window
        found[f"out.{name}"] = blocked_pairs(
            ops.convert_to_tensor(shift_zones(side, side, window, shift))
        )
    return found


@component("deepmsi_window_attention")
def window_attention(case):
    config = case.config
    per_image = config["mask_windows"] or config["windows"]
    count, tokens, dim = case.inputs["x"].shape
    shape = (count // per_image, per_image, tokens, dim)
    layer = WindowAttention(config["heads"])
    layer.build(shape)

    def forward(x, _):
        y = layer(ops.reshape(x["x"], shape), blocked=x.get("blocked"))
        return {"out.y": ops.reshape(y, (count, tokens, dim))}

    return results(case, forward, attention_fill(layer, ""))


@component("deepmsi_block")
def block(case):
    config = case.config
    options = {
        "num_heads": config["heads"],
        "window_size": config["window"],
        "shift": config["shift"],
        "mlp_ratio": config["mlp_ratio"],
    }
    selects = config["kind"] == "select"
    if selects:
        layer = SelectiveSwinTransformerBlock(keep=config["keep"], **options, **selection(config))
    else:
        layer = SwinTransformerBlock(shift_mask=config.get("mask", "grid"), **options)
    layer.build(to_grid(case.inputs["tokens"]).shape)

    def forward(x, _):
        guide = [x["guide"]] if selects else []
        return {"out.tokens": to_tokens(layer(to_grid(x["tokens"]), *guide))}

    return results(case, forward, block_fill(layer, ""))


@component("deepmsi_patch_embed")
def patch_embed(case):
    layer = PatchEmbedding(case.config["dim"], case.config["patch"])
    layer.build(case.inputs["frame"].shape)
    fill = [*conv(layer.convolution, "conv"), *norm(layer.norm, "ln")]
    return results(case, lambda x, _: {"out.tokens": to_tokens(layer(x["frame"]))}, fill)


@component("deepmsi_patch_merge")
def patch_merge(case):
    layer = PatchMerging()
    layer.build(to_grid(case.inputs["tokens"]).shape)
    fill = [*norm(layer.norm, "ln"), *dense(layer.reduction, "reduce")]
    return results(case, lambda x, _: {"out.tokens": to_tokens(layer(to_grid(x["tokens"])))}, fill)


@component("deepmsi_stage")
def stage(case):
    config = case.config
    layer = SwinTransformerStage(
        len(config["windows"]),
        config["heads"],
        config["windows"][0],
        keep=config["keep"],
        mlp_ratio=config["mlp_ratio"],
        shift_mask=config["mask"],
        **selection(config),
    )
    layer.build(to_grid(case.inputs["tokens"]).shape)
    check_windows(layer, config)

    def forward(x, _):
        return {"out.tokens": to_tokens(layer(to_grid(x["tokens"]), x["guide"]))}

    return results(case, forward, stage_fill(layer, ""))


def check_windows(layer, config):
    """The stage derives the windows that the case names."""
    assert [block.window for block in layer.blocks] == config["windows"]


def encoder_arguments(config):
    return {
        "embed_dim": config["embed"],
        "depths": config["depths"],
        "num_heads": config["heads"],
        "window_size": config["windows"][0],
        "patch_size": config["patch"],
        "keep": config["keep"],
        "mlp_ratio": config["mlp_ratio"],
        "shift_mask": config["mask"],
        **selection(config),
    }


@component("deepmsi_frame_encoder")
def frame_encoder(case):
    layer = SwinTransformerV2(**encoder_arguments(case.config))
    layer.build(case.inputs["frames"].shape)
    check_windows(layer.stages[2], case.config)
    return results(
        case,
        lambda x, _: {"out.features": layer(x["frames"], x["guide"])},
        encoder_fill(layer, ""),
    )


@component("deepmsi_tcn")
def temporal(case):
    config = case.config
    layer = TemporalConvolution(config["channels"], config["kernel"], return_sequences=True)
    layer.build(case.inputs["x"].shape)
    last = TemporalConvolution(config["channels"], config["kernel"])
    last.build(case.inputs["x"].shape)

    def forward(x, _):
        return {"out.sequence": layer(x["x"]), "out.last": last(x["x"])}

    return results(case, forward, [*tcn_fill(layer, ""), *tcn_fill(last, "")])


@component("deepmsi_loss")
def loss(case):
    config = case.config

    def forward(x, _):
        temperature = config["temperature"]
        text = cross_modal_contrastive(x["labels"], x["video"], x["text"], temperature)
        audio = cross_modal_contrastive(x["labels"], x["video"], x["audio"], temperature)
        contrastive = (text + audio) / 2
        task = ops.mean(
            keras.losses.sparse_categorical_crossentropy(x["labels"], x["logits"], from_logits=True)
        )
        total = config["weight_contrastive"] * contrastive + config["weight_class"] * task
        return {
            "out.video_text": text,
            "out.video_audio": audio,
            "out.contrastive": contrastive,
            "out.class": task,
            "out.total": total,
        }

    return results(case, forward)


@component("deepmsi_late_fusion")
def late_fusion(case):
    config = case.config
    guide = MultilayerPerceptron(config["guide_hidden"], config["guide_dim"])
    guide.build((None, config["text_dim"] + config["audio_dim"]))
    classifier = MultilayerPerceptron(config["hidden"], config["classes"])
    classifier.build((None, 3 * config["projection_dim"]))
    heads = {m: ProjectionHead(config["projection_dim"]) for m in ("video", "text", "audio")}
    fill = [
        *mlp_fill(guide, "guide.", guide.output_map),
        *mlp_fill(classifier, "classifier.", classifier.output_map),
    ]
    for m, head in heads.items():
        head.build(case.inputs[m].shape)
        fill += projection_fill(head, f"proj_{m}.")

    def forward(x, _):
        projected = {m: head(x[m]) for m, head in heads.items()}
        return {
            "mid.guide": guide(ops.concatenate([x["text"], x["audio"]], axis=1)),
            "out.logits": classifier(ops.concatenate(list(projected.values()), axis=1)),
            **{f"out.{m}": vector for m, vector in projected.items()},
        }

    return results(case, forward, fill)


@component("deepmsi_full")
def full(case):
    config = case.config
    frames = case.inputs["frames"]
    model = DeepMSIMER(
        {"text": config["text_dim"], "audio": config["audio_dim"], "video": frames.shape[2:]},
        config["classes"],
        guide_units=config["guide_hidden"],
        filters=config["channels"],
        kernel_size=config["kernel"],
        projection_units=config["projection_dim"],
        hidden_units=config["hidden"],
        **encoder_arguments(config),
    )
    layer = model.get_layer
    fill = [
        *mlp_fill(layer("guide"), "guide.", layer("guide").output_map),
        *encoder_fill(layer("frame_encoder"), "frame."),
        *tcn_fill(layer("temporal_convolution"), "tcn."),
        *mlp_fill(layer("classifier"), "classifier.", model.output_layer),
    ]
    names = {"out.logits": "prediction", "mid.guide": "guide"}
    names["mid.video_feature"] = "temporal_convolution"
    for m in ("video", "text", "audio"):
        fill += projection_fill(layer(f"projection_{m}"), f"proj_{m}.")
        names[f"out.{m}"] = f"projection_{m}"
    inside = keras.Model(model.input, {name: layer(n).output for name, n in names.items()})

    def forward(x, _):
        sequences = {
            "text": x["text"][:, None],
            "audio": x["audio"][:, None],
            "video": x["frames"],
        }
        masks = {f"{m}_mask": ops.ones(s.shape[:2], dtype="bool") for m, s in sequences.items()}
        return inside({**sequences, **masks})

    return results(case, forward, fill)
