"""Every case of the folder of reference numbers, on the backend in use."""

import golden
import pytest

golden.load_families()
CASES = golden.cases()


@pytest.mark.skipif(not CASES, reason=f"no reference numbers: {golden.FOLDER}/index.json is absent")
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case, request):
    properties = request.node.user_properties
    properties.append(("golden_component", case.component))
    runner = golden.RUNNERS.get(case.component)
    if runner is None:
        pytest.skip(f"no runner for {case.component}")
    worst, failures = golden.compare(case, runner.run(case), runner.gradients)
    properties.append(("golden_deviation", worst))
    assert not failures, "\n".join(failures)
