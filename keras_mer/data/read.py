"""One door for every format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

from keras_mer._nearest import did_you_mean
from keras_mer.data._folder import found_saved
from keras_mer.data.clips import found_clips, read_clips
from keras_mer.data.conv_emotion import fits_conv_emotion, read_conv_emotion
from keras_mer.data.csd import found_csd, read_csd
from keras_mer.data.dataset import Dataset
from keras_mer.data.emodb import found_emodb, read_emodb
from keras_mer.data.emorynlp import found_emorynlp, read_emorynlp
from keras_mer.data.iemocap import found_iemocap, read_iemocap
from keras_mer.data.labels import found_labels, read_labels
from keras_mer.data.meld import found_meld, read_meld
from keras_mer.data.misa import fits_misa, found_misa, read_misa
from keras_mer.data.mmmo import found_mmmo, read_mmmo
from keras_mer.data.mmsa import fits_mmsa, read_mmsa
from keras_mer.data.mosi import found_mosi, read_mosi
from keras_mer.data.mult import fits_mult, read_mult
from keras_mer.data.ravdess import fits_ravdess, found_ravdess, read_ravdess
from keras_mer.data.unpickle import load_pickle

PICKLES = (".pkl", ".pickle")


@dataclass(frozen=True)
class Format:
    """How a kind of files is read, and known when its name is not given.

    Attributes:
        name: what recipes and the command line call it.
        what: the files, in a few words.
        read: the reader; takes a path and options.
        found: whether a folder holds such files, here or just below.
        fits: whether the content of a pickle is of this kind.
    """

    name: str
    what: str
    read: Callable[..., Dataset]
    found: Callable[[Path], Path | None] | None = None
    fits: Callable[[Any], bool] | None = None

    @property
    def options(self) -> list[str]:
        """What the reader takes besides the path."""
        return [name for name in list(signature(self.read).parameters)[1:] if name != "content"]

    def dataset(self, path: Path, content: Any = None, **options: Any) -> Dataset:
        """Reads a path; `content` is what is in its pickle, if it is read already."""
        unknown = sorted(set(options) - set(self.options))
        if unknown:
            raise ValueError(
                f"{self.name} has no option {', '.join(unknown)}; it takes "
                f"{', '.join(self.options)}"
            )
        given = {} if content is None else {"content": content}
        return self.read(path, **given, **options)


FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        Format("npz", 'a file that "Dataset.save" wrote', Dataset.load),
        Format("folder", 'a folder that "Dataset.save" wrote', Dataset.load, found_saved),
        Format("mosi", "bc-LSTM's public CMU-MOSI files", read_mosi, found_mosi),
        Format("iemocap", "the public IEMOCAP files", read_iemocap, found_iemocap),
        Format("meld", "MELD's CSV files", read_meld, found_meld),
        Format("emorynlp", "EmoryNLP's CSV files", read_emorynlp, found_emorynlp),
        Format("mmmo", "MFN's HDF5 files of ICT-MMMO", read_mmmo, found_mmmo),
        Format("csd", "CMU-MultimodalSDK's .csd files", read_csd, found_csd),
        Format("mmsa", "MMSA's feature .pkl", read_mmsa, None, fits_mmsa),
        Format("mult", "MulT's .pkl", read_mult, None, fits_mult),
        Format("misa", "MISA's .pkl files", read_misa, found_misa, fits_misa),
        Format(
            "conv-emotion",
            "conv-emotion's IEMOCAP or MELD .pkl",
            read_conv_emotion,
            None,
            fits_conv_emotion,
        ),
        Format("labels", "MERTools' labels, or a CSV of them", read_labels, found_labels),
        Format("emodb", "EMO-DB's recordings", read_emodb, found_emodb),
        Format("ravdess", "RAVDESS's clips or features", read_ravdess, found_ravdess, fits_ravdess),
        Format("clips", "clips or texts and a CSV of your own", read_clips, found_clips),
    )
}
"""Every format by its name."""


def read(path: str | Path, format: str | None = None, **options: Any) -> Dataset:
    """Reads a data set.

    Args:
        path: a file or a folder.
        format: one of `keras_mer.data.FORMATS`, such as "mosi" or "mmsa"; found out by default
            for folders, pickles, what `Dataset.save` wrote and a CSV of your own.
        **options: what the reader of the format takes, such as `split` of `read_mosi`.

    Raises:
        FileNotFoundError: if there is nothing at `path`.
        RefusedPickleError: if a pickle holds more than data.
        ValueError: if the format or an option is not known, or a folder holds several data sets.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "03a01Wa.wav").touch()
    >>> read(folder)
    Dataset(EMO-DB: train 1, valid 0, test 0; no features)
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path}")
    if format is not None:
        return _known(path, format).dataset(path, **options)
    if path.is_dir():
        return _of_folder(path).dataset(path, **options)
    if path.suffix.lower() in PICKLES:
        content = load_pickle(path)
        return _of_content(path, content).dataset(path, content, **options)
    if path.suffix == ".npz":
        return FORMATS["npz"].dataset(path, **options)
    if path.suffix.lower() == ".csv":
        return FORMATS["clips"].dataset(path, **options)
    raise ValueError(f"{path} is of no known format; {_formats()}")


def format_of_content(content: Any) -> Format | None:
    """The format of what is in a pickle, or None if it is not known."""
    fitting = (f for f in FORMATS.values() if f.fits is not None and f.fits(content))
    return next(fitting, None)


def _known(path: Path, name: str) -> Format:
    if name in FORMATS:
        return FORMATS[name]
    hint = did_you_mean(str(name).lower(), FORMATS)
    raise ValueError(f"{path} cannot be read as {name!r}; {hint}{_formats()}")


def _of_folder(path: Path) -> Format:
    found = [f for f in FORMATS.values() if f.found is not None and f.found(path) is not None]
    if len(found) > 1:
        raise ValueError(
            f"{path} holds several data sets: {', '.join(f.name for f in found)}; choose one with "
            "format="
        )
    if not found:
        raise ValueError(f"{path} is of no known format; {_formats()}")
    return found[0]


def _of_content(path: Path, content: Any) -> Format:
    format = format_of_content(content)
    if format is None:
        kind = type(content).__name__
        raise ValueError(f"{path} holds a {kind} and is of no known format; {_formats()}")
    return format


def _formats() -> str:
    known = "; ".join(f"{format.name} ({format.what})" for format in FORMATS.values())
    return f"known formats are {known}"
