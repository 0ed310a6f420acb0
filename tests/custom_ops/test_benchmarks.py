"""What the CUDA check times, and how it judges the times."""

import numpy as np
import pytest

from custom_ops.cuda_check import benchmarks, cases, goals, references, report

MAPS = {op: dict(benchmarks.cases(op, 16)) for op in ("temporal_shift", "rubiks_shift")}
MAPS["gate_shift_fuse"] = dict(benchmarks.cases("gate_shift_fuse", 16))


def test_gate_shift_fuse_is_timed_on_numbers_that_stay_as_large():
    case = cases.GateShiftFuseCase((1, 2, 3, 3, 8), 8)
    weights = benchmarks.timing_weights(case, "float64")
    x, gradient = np.random.default_rng(0).normal(size=(2, 2, 3, 3, 8))
    sizes = np.abs(x).mean(), np.abs(gradient).mean()
    for _ in range(50):
        result = references.gate_shift_fuse(x, weights, 2, 8, 1e-5, True, gradient)
        x, gradient = result["y"], result["d_x"]
    np.testing.assert_allclose((np.abs(x).mean(), np.abs(gradient).mean()), sizes, rtol=0.2)


def test_small_maps_take_turns_on_many_arrays():
    assert benchmarks.number_of_sets(benchmarks.ROTATED_BYTES) == 1
    assert benchmarks.number_of_sets(benchmarks.ROTATED_BYTES // 2) == 2
    assert benchmarks.number_of_sets(1) == benchmarks.MOST_SETS


def kernel_row(op, name, kernel, milliseconds, share, dtype="float32"):
    columns = {"op": op, "map": name, "kernel": kernel, "dtype": dtype, "clips": 16}
    columns |= {"milliseconds": milliseconds, "copy_milliseconds": share * milliseconds}
    return {**columns, "bytes": 1e6}


def made_report(kernel_rows, pytorch_rows=(), network_rows=()):
    def step(rows):
        part = {"rows": list(rows), "problems": [], "status": "passed"}
        return {"parts": {"all": part}, "status": "passed", "title": "", "seconds": 1, "budget": 2}

    steps = {"kernels": kernel_rows, "pytorch": pytorch_rows, "networks": network_rows}
    return {"rehearsal": False, "steps": {name: step(rows) for name, rows in steps.items()}}


def verdicts(made):
    return {
        goal["goal"]: (goal["found"], goal["verdict"])
        for goal in goals.judge(made, 16)
        if goal["dtype"] == "float32"
    }


@pytest.mark.parametrize(
    "shares, verdict",
    [((0.95, 0.92), "yes"), ((0.95, 0.80), "together"), ((0.85, 0.89), "no")],
)
def test_a_share_of_copy_speed_is_that_of_all_maps_together(shares, verdict):
    names = list(MAPS["temporal_shift"])[:2]
    times = 3.0, 1.0
    found = [
        kernel_row("temporal_shift", name, "forward", time, share)
        for name, time, share in zip(names, times, shares, strict=True)
    ]
    judged = verdicts(made_report(found))["temporal_shift forward: share of copy speed"]
    assert judged == (pytest.approx((3 * shares[0] + shares[1]) / 4), verdict)


def test_the_faster_pytorch_form_is_compared_on_the_maps_that_it_was_timed_on():
    names = list(MAPS["gate_shift_fuse"])[:3]
    ours = [kernel_row("gate_shift_fuse", name, "forward", 1.0, 0.6) for name in names]
    theirs = [
        {**row, "form": form, "milliseconds": time}
        for form, time, timed in (("eager", 9.0, ours), ("compiled", 6.0, ours[:1]))
        for row in timed
    ]
    judged = verdicts(made_report(ours, theirs))
    assert judged["gate_shift_fuse forward: times as fast as PyTorch"] == (6.0, "yes")


def test_the_ratio_of_the_networks_measured_and_from_the_times_of_the_kernels():
    names = list(MAPS["gate_shift_fuse"])[:4]
    ours = [
        kernel_row("gate_shift_fuse", name, "forward", time, 0.6)
        for name, time in zip(names, (0.4, 0.3, 0.2, 0.1), strict=True)
    ]
    networks = [
        {"form": form, "dtype": "float32", "clips": 16, "milliseconds": time}
        for form, time in (("TSN", 20.0), ("GSF by the kernels", 23.0))
    ]
    made = made_report(ours, network_rows=networks)
    expected = 1 + (3 * 0.4 + 4 * 0.3 + 6 * 0.2 + 3 * 0.1) / 20
    assert goals.ratio_from_ops(made, "float32", 16) == pytest.approx(expected)
    found, verdict = verdicts(made)["GSF-ResNet50 / TSN-ResNet50, at most"]
    assert (found, verdict) == (pytest.approx(1.15), "no")


def test_what_was_not_measured_is_said_to_be_not_measured():
    made = made_report([])
    assert {verdict for _, verdict in verdicts(made).values()} == {"not measured"}
    assert any("not measured" in line for line in report.lines(made, 16))
