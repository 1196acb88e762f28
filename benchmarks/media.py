"""Features from texts and recordings beside the plain calls of the libraries that decode them.

Plain text is packed by keras-hub to 128 tokens and goes through the same network.

    python -m benchmarks.media FOLDER_WITH_WAV FOLDER_WITH_VIDEO

Both ways are timed in turn in one process; what is printed is the best of five.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import keras_hub
import numpy as np
import soundfile
from scipy.signal import resample_poly

from keras_mer.features import AudioEncoder, TextEncoder, VideoEncoder, read_sound


def plain_sound(file: Path) -> Any:
    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    return samples.mean(axis=1), rate


def plain_resampled(file: Path) -> Any:
    samples, rate = plain_sound(file)
    return resample_poly(samples, 16000, rate)


def plain_track(file: Path) -> Any:
    with av.open(str(file)) as container:
        container.streams.audio[0].codec_context.thread_count = 1
        return [frame.to_ndarray() for frame in container.decode(audio=0)]


def plain_frames(file: Path) -> Any:
    with av.open(str(file)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        step = float(container.streams.video[0].average_rate) / 5
        frames = enumerate(container.decode(video=0))
        return [
            frame.reformat(64, 64, "rgb24", interpolation="AREA").to_ndarray()
            for number, frame in frames
            if number % step < 1
        ]


def compared(
    name: str, files: list[Path], ours: Callable[[Path], Any], plain: Callable[[Path], Any]
) -> None:
    size = sum(file.stat().st_size for file in files) / 1e6
    timed(name, size, lambda: [ours(f) for f in files], lambda: [plain(f) for f in files])


def timed(name: str, size: float, ours: Callable[[], Any], plain: Callable[[], Any]) -> None:
    best = [float("inf")] * 2
    for _ in range(5):
        for place, function in enumerate((ours, plain)):
            start = time.perf_counter()
            function()
            best[place] = min(best[place], time.perf_counter() - start)
    print(
        f"{name:<44}{size / best[0]:8.3g} MB/s, plain {size / best[1]:8.3g} MB/s, "
        f"{best[0] / best[1]:5.2f} times its time",
        flush=True,
    )


def compared_text() -> None:
    """The sentences of this project's own README, in batches of 64."""
    words = Path(__file__).parents[1].joinpath("README.md").read_text().split()
    texts = [" ".join(words[at : at + 4 + at % 17]) for at in range(0, len(words), 3)]
    encoder = TextEncoder(cache=False)
    tokenizer, network = encoder._encoder
    packer = keras_hub.layers.StartEndPacker(
        128, tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id, True
    )

    def plain() -> Any:
        ids, mask = packer(tokenizer([text.lower() for text in texts]))
        inputs = {"token_ids": ids, "segment_ids": ids * 0, "padding_mask": mask}
        return network.predict({k: np.asarray(v) for k, v in inputs.items()}, 64, verbose=0)

    size = sum(map(len, texts)) / 1e6
    timed(f"{len(texts)} texts to tokens", size, lambda: encoder.encode(texts), plain)


def main() -> None:
    compared_text()
    sounds = sorted(Path(sys.argv[1]).rglob("*.wav"))[:100]
    clips = sorted(p for p in Path(sys.argv[2]).rglob("*") if p.suffix in (".mp4", ".mov"))
    compared("wav to samples, soundfile", sounds, lambda f: read_sound(f, 22050), plain_sound)
    compared("wav to samples at 16 kHz", sounds, read_sound, plain_resampled)
    for kind in ("log-mel", "descriptors", "functionals"):
        encoder = AudioEncoder(kind)
        compared(f"wav to {kind}", sounds, lambda f, e=encoder: e.encode([f]), plain_resampled)
    compared("sound of clips, PyAV", clips, read_sound, plain_track)
    video = VideoEncoder()
    compared("clips to light features", clips, lambda f: video.encode([f]), plain_frames)


if __name__ == "__main__":
    main()
