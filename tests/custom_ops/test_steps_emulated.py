"""The steps of the CUDA check as on a GPU, with the kernels and the CUDA runtime on the CPU."""

import pytest

from custom_ops.cuda_check import benchmarks, cases, checks, kernel_speed, sanitizer
from custom_ops.cuda_check.record import Record, read
from custom_ops.cuda_check.settings import Settings

SMALL = {
    "temporal_shift": cases.TemporalShiftCase((8, 2, 2, 8), 8, 1),
    "rubiks_shift": cases.RubiksShiftCase((1, 8, 2, 2, 4), shift=0.99),
    "rubiks_shift_pointwise": cases.RubiksShiftPointwiseCase((1, 2, 2, 2, 4), shift=0.99),
    "gate_shift_fuse": cases.GateShiftFuseCase((1, 8, 2, 2, 8), 4),
    "motion_flow": cases.MotionFlowCase((1, 2, 2, 2, 4), 3),
}


@pytest.fixture
def settings(library, cuda_home, tmp_path):
    return Settings(
        output=str(tmp_path),
        steps=(),
        library=str(library),
        cuda_home=str(cuda_home),
        clips=(1,),
        small=True,
    )


def record_of(run, settings, part, tmp_path):
    record = Record(tmp_path / "record.json")
    run(settings, part, record)
    return read(tmp_path / "record.json")


@pytest.mark.parametrize("op", ["temporal_shift", "rubiks_shift"])
def test_the_check(settings, op, tmp_path):
    content = record_of(checks.run, settings, op, tmp_path)
    assert content["problems"] == []
    assert len(content["rows"]) == content["values"]["cases"] > 3
    errors = [
        error
        for row in content["rows"]
        for of_dtype in row["errors"].values()
        for error in of_dtype.values()
    ]
    assert 0 < max(errors) <= 1 if op == "rubiks_shift" else max(errors) == 0


def test_the_check_finds_a_kernel_that_computes_something_else(settings, tmp_path, monkeypatch):
    expected = cases.TemporalShiftCase.expected
    monkeypatch.setattr(
        cases.TemporalShiftCase,
        "expected",
        lambda case, dtype: {"y": 1.01 * expected(case, dtype)["y"]},
    )
    content = record_of(checks.run, settings, "temporal_shift", tmp_path)
    assert "elements are wrong, the worst at" in content["problems"][0]


@pytest.mark.parametrize("op", SMALL)
def test_the_times(settings, op, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks, "cases", lambda op, clips: [("small", SMALL[op])])
    content = record_of(kernel_speed.run, settings, op, tmp_path)
    assert content["problems"] == []
    kernels = {row["kernel"]: row for row in content["rows"]}
    assert len(content["rows"]) == len(settings.dtypes) * len(kernels)
    # The clock of the runtime on the CPU: 3 ms for a graph of one run on each set of arrays.
    for row in content["rows"]:
        expected = pytest.approx(3 / benchmarks.MOST_SETS)
        assert row["least"] == row["milliseconds"] == row["most"] == expected
        assert row["copy_milliseconds"] == expected


@pytest.mark.parametrize(
    "finds, problem", [(False, ""), (True, "memcheck of temporal_shift found")]
)
def test_the_sanitizer_runs_the_check(settings, cuda_home, tmp_path, monkeypatch, finds, problem):
    """A stand-in for compute-sanitizer that runs what it is given, and may end as if it found
    something."""
    program = tmp_path / "compute-sanitizer"
    program.write_text(
        '#!/bin/sh\nwhile [ "${1#*python}" = "$1" ]; do echo "$1"; shift; done\n'
        f'"$@" && exit {86 if finds else 0}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    content = record_of(sanitizer.run, settings, "memcheck:temporal_shift", tmp_path)
    assert [text[: len(problem)] for text in content["problems"]] == [problem] * finds
    assert "--tool\nmemcheck" in content["values"]["output"]
    assert content["values"]["cases"] == 6
