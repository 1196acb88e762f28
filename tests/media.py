"""Clips for tests: tones as wav and flac, tones and moving squares as mp4, mov, mp3 and m4a."""

from fractions import Fraction

import av
import numpy as np
import soundfile

RATE = 16000


def tone(hertz=220.0, seconds=1.0, rate=RATE, level=0.5):
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * times)).astype("float32")


def write_sound(path, samples, rate=RATE):
    """By soundfile where it can, else by PyAV in the codec of the ending; (samples, channels)."""
    if path.suffix in (".wav", ".flac"):
        soundfile.write(path, samples, rate)
        return path
    return write_clip(path, samples=samples, sample_rate=rate)


def squares(count=30, side=64):
    """(count, side, side, 3) uint8: a white square that goes to the right over red."""
    frames = np.zeros((count, side, side, 3), "uint8")
    frames[..., 0] = 120
    for number in range(count):
        left = number * (side - 16) // max(count - 1, 1)
        frames[number, 24:40, left : left + 16] = 255
    return frames


def write_clip(path, frames=None, fps=10, samples=None, sample_rate=RATE, options=None):
    """A clip of pictures (n, height, width, 3) uint8, of samples (n,) float32, or of both."""
    codecs = {".mp3": "libmp3lame"}
    with av.open(str(path), "w", options=options or {}) as container:
        pictures = sound = None
        if frames is not None:
            pictures = container.add_stream("libx264", rate=fps)
            pictures.height, pictures.width = frames.shape[1:3]
            pictures.pix_fmt = "yuv420p"
            pictures.codec_context.thread_count = 1
        if samples is not None:
            sound = container.add_stream(codecs.get(path.suffix, "aac"), rate=sample_rate)
            sound.layout = "mono"
        if pictures is not None:
            for picture in frames:
                container.mux(pictures.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            container.mux(pictures.encode(None))
        if sound is not None:
            whole = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
            whole.sample_rate, whole.pts = sample_rate, 0
            whole.time_base = Fraction(1, sample_rate)
            to_codec = av.AudioResampler(sound.format, "mono", sample_rate, sound.frame_size)
            for part in [*to_codec.resample(whole), *to_codec.resample(None)]:
                container.mux(sound.encode(part))
            container.mux(sound.encode(None))
    return path
