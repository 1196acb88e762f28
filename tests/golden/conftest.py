"""Puts `golden` on the path and closes a run with the deviations it found."""

import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).parent))


def pytest_terminal_summary(terminalreporter):
    outcomes, worst, without_runner = Counter(), {}, Counter()
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.getreports(outcome):
            properties = dict(getattr(report, "user_properties", ()))
            if "golden_component" not in properties or report.when == "teardown":
                continue
            component = properties["golden_component"]
            outcomes[outcome] += 1
            if "golden_deviation" in properties:
                deviation = properties["golden_deviation"]
                worst[component] = max(deviation, worst.get(component, 0.0))
            elif outcome == "skipped":
                without_runner[component] += 1
    if not outcomes:
        return
    counts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in sorted(outcomes))
    terminalreporter.section(f"reference numbers: {counts}")
    for component, deviation in sorted(worst.items()):
        terminalreporter.line(f"{component:28} largest deviation {deviation:8.2g} of the tolerance")
    if without_runner:
        names = ", ".join(f"{name} ({count})" for name, count in sorted(without_runner.items()))
        terminalreporter.line(f"no runner: {names}")
