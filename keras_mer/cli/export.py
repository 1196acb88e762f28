"""`keras-mer export`: an entry written for another runtime."""

from pathlib import Path
from typing import Annotated

import typer

from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, Entry, command


@command
def export(
    name: Entry,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="Where to write: *.onnx, *.xml (OpenVINO), *.tflite, *.pt2, or a folder.",
        ),
    ],
    format: Annotated[
        str, typer.Option(help="onnx, openvino, saved_model, litert or torch.")
    ] = "onnx",
    batch_size: Annotated[int | None, typer.Option(help="Fix the number of rows.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Fix the steps of every modality; litert needs it.")
    ] = None,
    check: Annotated[
        bool, typer.Option(help="Compare the file in its runtime with the model.")
    ] = True,
    debug: Debug = False,
) -> None:
    """Write an entry for another runtime, and compare it there."""
    with quiet_start():
        from keras_mer.exporting import export as write

        # The exporters have warnings of their own, about packages that nothing here needs.
        written = write(name, path, format, batch_size, steps, check)
    typer.echo(f"wrote {written}")
