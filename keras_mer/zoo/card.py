"""The card of an entry: Markdown with the front matter of the Hugging Face Hub."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from keras_mer.metrics import PROTOCOLS
from keras_mer.zoo._card_tables import (
    calibration_section,
    classes_section,
    modalities_section,
    speed_section,
    table,
)
from keras_mer.zoo.entry import CARD, RECIPE, WEIGHTS
from keras_mer.zoo.needs import needs_of, needs_section
from keras_mer.zoo.resolve import Name, entry_file, resolve

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # a terminal would obey some of these
_SPDX = re.compile(r"[A-Za-z0-9.+-]+")  # a licence's identifier, not a sentence about it


class Card:
    """The text of a card. A notebook renders it, and so does Python's prompt.

    `str(card)` is Markdown, without the front matter; `rich.print(card)` renders it.
    """

    def __init__(self, text: str) -> None:
        self.text = _CONTROL.sub("", _FRONT_MATTER.sub("", text.replace("\r\n", "\n"))).strip()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        from rich.console import Console

        console = Console()
        with console.capture() as captured:
            console.print(self)
        return captured.get().strip()

    def __rich__(self) -> Any:
        from rich.markdown import Markdown

        return Markdown(self.text)

    def _repr_markdown_(self) -> str:
        return self.text


def card(name: Name, source: Name | None = None) -> Card:
    """The card of an entry: what it was trained on, how well it does, its limits.

    Args:
        name: as in `load`.
        source: as in `load`.

    Returns:
        A `Card`, which a notebook and Python's prompt render. In a script, `print` it.

    Raises:
        FileNotFoundError: if there is no such entry; the message names the nearest.
    """
    entry = resolve(name, source)
    if CARD in entry.files:
        return Card(entry_file(entry, CARD).read_text(encoding="utf-8", errors="replace"))
    return Card(card_text(entry.metadata))


def card_text(metadata: Mapping[str, Any]) -> str:
    """The content of README.md, made from that of metadata.json."""
    parts = [
        "\n".join(["---", *_yaml(_front_matter(metadata)), "---"]),
        f"# {metadata['name']}",
        _summary(metadata),
        metadata.get("notes", "").strip(),
        _results(metadata),
        modalities_section(metadata),
        classes_section(metadata),
        calibration_section(metadata),
        speed_section(metadata),
        _features(metadata),
        _use(metadata),
        _origin(metadata),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(metadata: Mapping[str, Any]) -> str:
    trained = metadata.get("trained_modalities", metadata["modalities"])
    lines = [
        f"{metadata['system']}, {metadata['parameters']:,} parameters, "
        f"reads {', '.join(metadata['modalities'])}."
    ]
    if trained != metadata["modalities"]:
        lines.append(f"Trained on {', '.join(trained)} alone.")
    if metadata.get("quantized"):
        lines.append(f"Kernels in {metadata['quantized']}: it predicts, and does not learn.")
    if WEIGHTS in metadata["files"]:
        lines.append(_sizes(metadata["files"]))
    else:
        lines.append("**This entry has no weights yet**, only the recipe that trains it.")
    return " ".join(lines)


def _sizes(files: Mapping[str, Mapping[str, Any]]) -> str:
    """The card and metadata.json left out: their size is not known before they are written."""
    every = sum(record["bytes"] for file, record in files.items() if file != CARD)
    return f"Weights of {_size(files[WEIGHTS]['bytes'])}; {_size(every)} with all its files."


def _size(count: int) -> str:
    """Bytes as text, in the thousands of the decimal units."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1e3:.0f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def _results(metadata: Mapping[str, Any]) -> str:
    metrics = metadata.get("metrics") or {}
    paper = (metadata.get("paper") or {}).get("metrics") or {}
    if not metrics and not paper:
        return ""
    columns = {"ours": metrics, "in float32": _in_float32(metadata), "paper": paper}
    columns = {title: figures for title, figures in columns.items() if figures or title == "ours"}
    rows = [["metric", *columns]]
    for name in dict.fromkeys([*metrics, *paper]):
        rows.append([name, *(_figure(figures.get(name)) for figures in columns.values())])
    about = [
        f"{label} {value}"
        for label, value in (
            ("Data:", metadata.get("data")),
            ("split:", metadata.get("split")),
            ("protocol:", metadata.get("protocol")),
            ("seeds:", ", ".join(map(str, metadata.get("seeds") or ()))),
        )
        if value
    ]
    why = (metadata.get("paper") or {}).get("why")
    parts = [
        "## Results",
        "; ".join(about) + "." if about else "",
        table(rows),
        _meanings(metadata),
        f"**Ours and the paper's.** {why.strip()}" if why else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _in_float32(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures of the weights that `quantize_entry` rounded."""
    return (metadata.get("float32") or {}).get("metrics") or {}


def _meanings(metadata: Mapping[str, Any]) -> str:
    """What the figures of the protocol are."""
    protocol = PROTOCOLS.get(metadata.get("protocol") or "")
    given = metadata.get("metrics") or {}
    figures = [f for f in protocol.figures if f.name in given] if protocol else []
    return "\n".join(f"- `{figure.name}`: {figure.meaning}" for figure in figures)


def _features(metadata: Mapping[str, Any]) -> str:
    features = metadata.get("features") or {}
    if not features:
        return ""
    rows = [["modality", "dimension", "extractor", "settings"]]
    for name, given in features.items():
        named = [str(given.get(key, "")) for key in ("dimension", "extractor")]
        others = {k: v for k, v in given.items() if k not in ("dimension", "extractor", "modality")}
        rows.append([name, *named, "; ".join(f"{k} {_setting(v)}" for k, v in others.items())])
    return f"## Features\n\n{table(rows)}"


def _setting(value: Any) -> str:
    """A setting of an extractor as text; of a hash, its beginning."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_setting(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_setting, value))
    text = str(value)
    return f"{text[:8]}…" if re.fullmatch(r"[0-9a-f]{64}", text) else text


def _use(metadata: Mapping[str, Any]) -> str:
    name = metadata["name"]
    if WEIGHTS in metadata["files"]:
        code = f'import keras_mer\n\nmodel = keras_mer.zoo.load("{name}")'
        return f"## Use\n\n```python\n{code}\n```"
    if needs := needs_of(metadata):
        return needs_section(needs)
    if RECIPE in metadata["files"]:
        return f"## Training\n\n```\nkeras-mer train zoo/{name}/{RECIPE} --data DIR\n```"
    return ""


def _origin(metadata: Mapping[str, Any]) -> str:
    paper = metadata.get("paper") or {}
    title, url = paper.get("title"), paper.get("url")
    cited = f"[{title or url}]({url})" if url else title
    versions = metadata.get("versions") or {}
    lines = [
        f"- Paper: {cited}" if cited else "",
        f"- Licence: {metadata['licence']}" if metadata.get("licence") else "",
        "- Written with: " + ", ".join(f"{key} {value}" for key, value in versions.items())
        if versions
        else "",
    ]
    listed = "\n".join(line for line in lines if line)
    return f"## Origin\n\n{listed}" if listed else ""


def _figure(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, Mapping):
        return f"{value:.4g}" if isinstance(value, float) else str(value)
    shown = f"{value['mean']:.4g}"
    return f"{shown} ± {value['deviation']:.2g}" if value.get("deviation") is not None else shown


def _front_matter(metadata: Mapping[str, Any]) -> dict[str, Any]:
    licence = metadata.get("licence") or ""
    matter: dict[str, Any] = {
        "library_name": "keras",
        "license": licence.lower() if _SPDX.fullmatch(licence) else "other",
        "tags": ["keras-mer", "multimodal", "emotion-recognition", metadata["system"].lower()],
    }
    data, metrics = metadata.get("data"), metadata.get("metrics")
    if data and metrics:
        result = {
            "task": {"type": metadata.get("task") or "other"},
            "dataset": {"type": data, "name": data},
            "metrics": [{"type": name, "value": metrics[name]["mean"]} for name in metrics],
        }
        matter["model-index"] = [{"name": metadata["name"], "results": [result]}]
    return matter


def _yaml(value: Any, indent: str = "") -> Iterator[str]:
    """Dicts and lists in blocks; the rest as JSON, which YAML reads as it is."""
    pairs = (
        ((f"{key}:", inner) for key, inner in value.items())
        if isinstance(value, Mapping)
        else (("-", inner) for inner in value)
    )
    for lead, inner in pairs:
        if isinstance(inner, Mapping | list):
            yield indent + lead
            yield from _yaml(inner, indent + "  ")
        else:
            yield f"{indent}{lead} {json.dumps(inner, ensure_ascii=False)}"
