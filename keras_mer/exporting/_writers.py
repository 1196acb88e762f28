"""From a model to a file of each format."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras

from keras_mer._extras import need
from keras_mer.exporting._formats import FORMATS
from keras_mer.exporting._signature import Input, random_inputs

OUTPUT = "prediction"
OPSET = 18


def write(model: Any, path: Path, format: str, signature: list[Input]) -> None:
    """Writes the prediction of a model to a file, or the folder of a SavedModel.

    Args:
        model: the model; Keras runs on a backend that exports it to this format.
        path: where to write.
        format: as `export` takes it.
        signature: what `signature_of` returned.

    Raises:
        ValueError: if the converter fails, with the other backends that may not.
    """
    try:
        WRITERS[format](model, path, signature)
    except ImportError:
        raise
    except Exception as error:  # converters raise many kinds
        others = [b for b in FORMATS[format].backends if b != keras.backend.backend()]
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise ValueError(
            f"{type(model).__name__} could not be converted to {format} from "
            f"{keras.backend.backend()} ({reason}): "
            + (f"try KERAS_BACKEND={others[0]}" if others else "try another format")
        ) from error


def _saved_model(model: Any, path: Path, signature: list[Input]) -> None:
    tf = need("tensorflow", "tensorflow", "to write a SavedModel")
    module, names = tf.Module(), [i.name for i in signature]
    if keras.backend.backend() == "jax":
        call = _from_jax(model, signature)
    else:
        module.model_variables = [v.value for v in model.variables]
        call = _positional(model, signature)

    specs = {i.name: tf.TensorSpec(i.shape, i.dtype, name=i.name) for i in signature}

    @tf.function(input_signature=[specs], autograph=False)
    def serve(inputs: Any) -> Any:
        return {OUTPUT: call(*(inputs[name] for name in names))}

    module.serve = serve
    tf.saved_model.save(module, str(path), signatures={"serving_default": serve})


def _from_jax(model: Any, signature: list[Input]) -> Any:
    jax2tf = need("jax.experimental.jax2tf", "jax", "to write a SavedModel from JAX")
    shapes = [f"({', '.join(map(str, i.axes))})" for i in signature]
    return jax2tf.convert(
        _positional(model, signature),
        polymorphic_shapes=shapes,
        with_gradient=False,
        native_serialization_platforms=("cpu",),
    )


def _positional(model: Any, signature: list[Input]) -> Callable[..., Any]:
    names = [i.name for i in signature]
    return lambda *arrays: model(dict(zip(names, arrays, strict=True)), training=False)


def _onnx(model: Any, path: Path, signature: list[Input]) -> None:
    write = {"tensorflow": _onnx_from_tensorflow, "jax": _onnx_from_jax, "torch": _onnx_from_torch}
    write[keras.backend.backend()](model, path, signature)


def _onnx_from_tensorflow(model: Any, path: Path, signature: list[Input]) -> None:
    tf = need("tensorflow", "tensorflow", "to export from it")
    tf2onnx = need("tf2onnx", "onnx", "to export to ONNX from TensorFlow")
    from keras.src.export.tf2onnx_lib import patch_tf2onnx

    patch_tf2onnx()  # for NumPy 2
    specs = [tf.TensorSpec(i.shape, i.dtype, name=i.name) for i in signature]
    call = _positional(model, signature)

    @tf.function(input_signature=specs, autograph=False)
    def serve(*arrays: Any) -> Any:
        return tf.identity(call(*arrays), name=OUTPUT)

    proto, _ = tf2onnx.convert.from_function(
        serve, specs, opset=OPSET, custom_op_handlers={"Erfc": (_erfc, [])}
    )
    _save_onnx(proto, path, signature)


def _erfc(context: Any, node: Any, name: str, args: Any) -> None:
    """`erfc`, which the GELU of Keras uses and tf2onnx does not know, as 1 - erf."""
    import numpy as np

    output, x = node.output[0], node.input[0]
    shape, dtype = context.get_shape(output), context.get_dtype(output)
    context.remove_node(node.name)
    erf = context.make_node("Erf", [x], name=f"{name}_erf", dtypes=[dtype])
    one = context.make_const(f"{name}_one", np.array(1, "float32"))
    context.make_node(
        "Sub",
        [one.output[0], erf.output[0]],
        name=name,
        outputs=[output],
        shapes=[shape],
        dtypes=[dtype],
    )


def _onnx_from_jax(model: Any, path: Path, signature: list[Input]) -> None:
    jax = need("jax", "jax", "to export from it")
    jax2onnx = need("jax2onnx", "onnx", "to export to ONNX from JAX")
    proto = jax2onnx.to_onnx(
        _positional(model, signature),
        inputs=[jax.ShapeDtypeStruct(i.axes, i.dtype) for i in signature],
        input_names=[i.name for i in signature],
    )
    # It gives loops of different lengths one name for their size, which the runtime believes.
    del proto.graph.value_info[:]
    _save_onnx(proto, path, signature)


def _onnx_from_torch(model: Any, path: Path, signature: list[Input]) -> None:
    torch = need("torch", "torch", "to export from it")
    need("onnxscript", "onnx", "to export to ONNX from PyTorch")
    program = torch.onnx.export(
        _traced(model, signature),
        dynamo=True,
        verbose=False,
        input_names=[i.name for i in signature],
        output_names=[OUTPUT],
    )
    _save_onnx(program.model_proto, path, signature)


def _save_onnx(proto: Any, path: Path, signature: list[Input]) -> None:
    """Saves the file with our names: what converters make of them differs."""
    onnx = need("onnx", "onnx", "to export to ONNX")
    (output,) = proto.graph.output
    if output.name != OUTPUT:
        for node in proto.graph.node:
            node.input[:] = [OUTPUT if n == output.name else n for n in node.input]
            node.output[:] = [OUTPUT if n == output.name else n for n in node.output]
        output.name = OUTPUT
    constants = {given.name for given in proto.graph.initializer}
    inputs = [given for given in proto.graph.input if given.name not in constants]
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)
    received = [given.name for given in inputs]
    expected = [i.name for i in signature]
    if sorted(received) != sorted(expected):
        raise ValueError(
            f"the converter made the inputs {', '.join(received)} of {', '.join(expected)}: "
            "export from another backend"
        )
    onnx.save(proto, path)


def _openvino(model: Any, path: Path, signature: list[Input]) -> None:
    ov = need("openvino", "openvino", "to export to OpenVINO")
    with TemporaryDirectory() as work:
        if keras.backend.backend() == "tensorflow":
            source = Path(work, "saved_model")
            _saved_model(model, source, signature)
        else:
            source = Path(work, "model.onnx")
            _onnx(model, source, signature)
        converted = ov.convert_model(source)
        ov.save_model(converted, path, compress_to_fp16=False)


def _litert(model: Any, path: Path, signature: list[Input]) -> None:
    tf = need("tensorflow", "tensorflow", "to export to LiteRT")
    with TemporaryDirectory() as work:
        _saved_model(model, Path(work), signature)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            work, signature_keys=["serving_default"]
        )
        path.write_bytes(converter.convert())


def _torch(model: Any, path: Path, signature: list[Input]) -> None:
    torch = need("torch", "torch", "to export from it")
    torch.export.save(_traced(model, signature), path)


def _traced(model: Any, signature: list[Input]) -> Any:
    """A `torch.export.ExportedProgram` of one dict of inputs by name."""
    import torch

    class Named(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, inputs: dict[str, Any]) -> Any:
            return {OUTPUT: self.model(inputs, training=False)}

    sizes = {a: torch.export.Dim(a, min=1) for i in signature for a in i.axes if isinstance(a, str)}
    dynamic = {
        i.name: {place: sizes[axis] for place, axis in enumerate(i.axes) if axis in sizes}
        for i in signature
    }
    arrays = random_inputs(signature, batch=3, time=7)
    # What it remembers of the scans of another model would bind the sizes of this one.
    torch.compiler.reset()
    with torch.no_grad():
        return torch.export.export(
            Named().eval(),
            ({name: torch.from_numpy(x) for name, x in arrays.items()},),
            dynamic_shapes=(dynamic,),
            strict=False,
        )


WRITERS: dict[str, Callable[[Any, Path, list[Input]], None]] = {
    "saved_model": _saved_model,
    "onnx": _onnx,
    "openvino": _openvino,
    "litert": _litert,
    "torch": _torch,
}
