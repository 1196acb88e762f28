"""Every system on every backend, beside the same network in plain PyTorch.

Training steps, epochs (of a few batches, with shuffling) and predictions, in the sizes of corpora,
all steps real, or with `--padded` some. Figures: the median's ratio to plain PyTorch's, its
quartiles, the seconds of the first calls, which compile, and the largest resident size of each
process. CM-MSF also runs beside MulT, in plain PyTorch, on the same data. Batches in which more
steps than `--most` come together are left out, and named.
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.case import PADDED, SIZES, SYSTEMS, Case, case_of
from benchmarks.interleaved import BACKENDS, compare
from benchmarks.report import draw, print_tables, words, write_json

PEERS: Mapping[str, Mapping[str, str]] = {"cmmsf": {"MulT in plain PyTorch": "systems.mult"}}
EPOCH_BATCH, EPOCH_BATCHES = 32, 8
TITLE = "Time beside the same network in plain PyTorch (left of the line is faster)"


def listed(text: str) -> list[str]:
    return text.split(",")


def main() -> None:
    arguments = parsed()
    groups = list(product(arguments.systems, arguments.sizes, arguments.steps))
    results: list[dict[str, Any]] = []
    for done, (system, size, steps) in enumerate(groups, 1):
        cases = cases_of(system, size, steps, arguments)
        if cases:
            found = compare(
                cases,
                arguments.rounds,
                arguments.backends,
                None if arguments.padded else PEERS.get(system),
            )
            print_tables(found)
            results += found
        if arguments.out and results:
            # After every group, so that an interrupted run leaves what it measured.
            about = {key: value for key, value in vars(arguments).items() if key != "out"}
            complete = done == len(groups)
            write_json(arguments.out / "speed.json", results, arguments=about, complete=complete)
            draw(arguments.out / "speed.png", results, TITLE)


def cases_of(
    system: str, size: str, steps: Sequence[int], arguments: argparse.Namespace
) -> list[Case]:
    """The batches of one group, the smallest first, so that each meets its own memory."""
    cases = []
    for batch in sorted(arguments.batches):
        epoch = EPOCH_BATCHES if batch == EPOCH_BATCH else 0
        case = case_of(system, size, tuple(steps), batch, epoch, arguments.padded)
        if batch * sum(case.steps.values()) > arguments.most:
            print(f"left out, more than {arguments.most} steps in a batch: {words(case.label)}")
        else:
            cases.append(case)
    return cases


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--systems", type=listed, metavar="A,B")
    parser.add_argument("--sizes", type=listed, default=["mosi", "iemocap"], metavar="A,B")
    parser.add_argument("--backends", type=listed, default=list(BACKENDS), metavar="A,B")
    parser.add_argument("--batches", type=listed, default=["1", "32", "256"], metavar="N,N")
    parser.add_argument(
        "--steps",
        type=listed,
        default=["50/50/50", "50/500/375"],
        metavar="T/A/V,...",
        help="of text, audio and video",
    )
    parser.add_argument("--rounds", type=int, default=15, help="how often each task is timed")
    parser.add_argument("--most", type=int, default=40_000, help="most steps in one batch")
    parser.add_argument(
        "--padded",
        action="store_true",
        help="rows of unequal lengths, which plain PyTorch packs and masks; cmmsf alone",
    )
    parser.add_argument("--quick", action="store_true", help="two rows of a few steps")
    parser.add_argument("--out", type=Path, help="a folder for speed.json and speed.png")
    arguments = parser.parse_args()
    systems = PADDED if arguments.padded else SYSTEMS
    choices = (("systems", systems), ("sizes", SIZES), ("backends", BACKENDS))
    arguments.systems = arguments.systems or list(systems)
    for name, known in choices:
        unknown = [value for value in getattr(arguments, name) if value not in known]
        if unknown:
            parser.error(f"--{name} knows {', '.join(known)}; received {', '.join(unknown)}")
    if arguments.quick:
        arguments.sizes, arguments.batches, arguments.steps = ["mosi"], ["2"], ["6/6/6"]
    try:
        arguments.batches = [int(batch) for batch in arguments.batches]
        arguments.steps = [[int(n) for n in steps.split("/")] for steps in arguments.steps]
    except ValueError as error:
        parser.error(f"--batches and --steps are whole numbers, such as 1,32 and 50/50/50: {error}")
    if any(len(steps) != 3 for steps in arguments.steps):
        parser.error("--steps are three for each run, such as 50/50/50: text, audio, video")
    return arguments


if __name__ == "__main__":
    main()
