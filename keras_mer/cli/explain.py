"""`keras-mer explain`: which modality decided, in numbers and as a picture."""

from pathlib import Path
from typing import Annotated

import typer

from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, Entry, command
from keras_mer.cli._tables import show


@command
def explain(
    name: Entry,
    text: Annotated[list[str], typer.Option(help="A text; may be given several times.")],
    picture: Annotated[Path, typer.Option(help="The picture to write.")] = Path("gates.png"),
    debug: Debug = False,
) -> None:
    """Score texts, and draw what the gates of the model let through."""
    from rich.table import Table

    with quiet_start():
        from keras_mer.explain import draw_gates, fusion_reading
        from keras_mer.predictor import Predictor

        predictor = Predictor(name)
    predictions = predictor(text=text)
    reading = fusion_reading(predictor.model, predictor.inputs(text=text))
    table = Table("text", "score", "label")
    for modality in reading.shares:
        table.add_column(f"{modality}: share, gates open", justify="right")
    for row, (line, prediction) in enumerate(zip(text, predictions, strict=True)):
        table.add_row(
            line,
            f"{prediction.score:+.2f}",
            prediction.label,
            *(
                f"{100 * reading.shares[m][row]:.0f} %, {100 * reading.openness[m][row]:.0f} %"
                for m in reading.shares
            ),
        )
    show(table)
    scores = [float(p.score or 0) for p in predictions]
    draw_gates(text, scores, reading, picture, title=f"{name}: scores and gates")
    typer.echo(f"wrote {picture}")
