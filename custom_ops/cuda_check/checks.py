"""Step 2: compares every kernel with its float64 reference."""

import numpy as np

from custom_ops.cuda_check import calls, cases
from custom_ops.cuda_check.device import Device

PARTS = {
    **{"temporal_shift": 1, "rubiks_shift": 1, "rubiks_shift_pointwise": 1},
    **{"gate_shift_fuse": 1, "motion_flow": 1},
}


def run(settings, part, record):
    """Records the largest error of each array of the op `part`, over all cases."""
    listed = [*cases.SMALL_CASES]
    if not settings.small:
        listed += [*cases.WIDE_CASES, *cases.LARGE_CASES]
    listed = [case for case in listed if case.op == part]
    record.value("cases", len(listed))
    check = _rehearse if settings.rehearse else _checker(settings)
    for case in listed:
        largest = {}
        # One type shows what a rehearsal can show of a large map, in a quarter of the time.
        alone = settings.rehearse and case in cases.LARGE_CASES
        for dtype in ("bfloat16",) if alone else calls.DTYPES:
            problems, errors = check(case, dtype)
            for problem in problems:
                record.problem(problem)
            largest[dtype] = {name: float(error) for name, error in errors.items()}
        record.row(case=str(case), errors=largest)


def _checker(settings):
    memory = Device(settings.cuda_home)
    # With aligned arrays, and with arrays that are one element off.
    both = [calls.Kernels(settings.kernels_file(), memory, offset) for offset in (0, 1)]

    def check(case, dtype):
        expected = case.expected(dtype)
        problems, largest = [], {}
        for kernels in both:
            lines, errors = cases.check(case, kernels, dtype, expected)
            problems += [f"{line} (offset {kernels.offset})" for line in lines]
            largest = {name: max(error, largest.get(name, 0)) for name, error in errors.items()}
        return problems, largest

    return check


def _rehearse(case, dtype):
    """The references, rounded to the element type, in the place of the kernels' results."""
    expected = case.expected(dtype)
    kinds = {name: dtype if name in ("y", "d_x") else calls.real(dtype).name for name in expected}
    results = {name: calls.encode(array, kinds[name]) for name, array in expected.items()}
    errors = cases.errors(results, expected, dtype)
    problems = [f"{case} {dtype}: {name}" for name, error in errors.items() if error > 1]
    # A kernel that writes nothing leaves poison, which must not pass.
    results = {
        name: np.full(array.nbytes, calls.POISON, np.uint8).view(array.dtype).reshape(array.shape)
        for name, array in results.items()
    }
    unwritten = cases.errors(results, expected, dtype)
    problems += [
        f"{case} {dtype}: {name} was not written and passes"
        for name, error in unwritten.items()
        if expected[name].size and error <= 1
    ]
    return problems, errors
