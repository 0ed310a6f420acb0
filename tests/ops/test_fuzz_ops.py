import os

import pytest

from gsf_tf.ops import library
from tests import exhaustive
from tests.fuzzing import watch
from tests.ops.fuzz_ops import CALLS, PROGRAM


@exhaustive.MARK
def test_fuzzed_calls():
    """More in `python -m tests.ops.fuzz_ops`."""
    if library.load().raw is None and os.environ.get("GSF_TF_REQUIRE_COMPILED") != "1":
        pytest.skip(library.load().reason)
    results = list(watch(PROGRAM, 50000, 300, 300, 300))
    assert [seed for seed, _, _ in results] == list(range(50000, 50300))
    assert {outcome for _, _, outcome in results} == {"valid", "reported"}, [
        result for result in results if result[2] not in ("valid", "reported")
    ]
    assert {kind for _, kind, outcome in results if outcome == "valid"} == {
        call.__name__ for call in CALLS
    }
