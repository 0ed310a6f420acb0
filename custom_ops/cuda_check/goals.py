"""The goals, and what the report says of them."""

from custom_ops.cuda_check import benchmarks

# Op, kernel, least share of the speed of a copy.
COPY_GOALS = [
    ("temporal_shift", "forward", 0.90),
    ("rubiks_shift", "forward", 0.85),
    ("rubiks_shift", "gradient", 0.60),
    ("gate_shift_fuse", "forward", 0.50),
]
# Least factor between the PyTorch form, the faster of eager and compiled, and the kernel.
PYTORCH_GOAL = 5.0
# Greatest ratio of the times of GSF-ResNet50 and TSN-ResNet50.
NETWORK_GOAL = 1.10
DTYPES = ("float32", "bfloat16")
# What is not of a whole model's maps: RubiksShift there has other work than shifts below 1.
_SPECIAL = ("stride 2", "quantized", "shifts up to 3")


def judge(report, clips):
    """Returns a dictionary for every goal: `goal`, `dtype`, `wanted`, `found`, `worst`, `verdict`.

    The verdict is "yes" if the goal is met by all maps together and by the worst one, "together"
    if by all together only, "no", or "not measured".
    """
    result = [_checks_goal(report), _sanitizer_goal(report)]
    for dtype in DTYPES:
        for op, kernel, wanted in COPY_GOALS:
            found = [
                r for r in rows(report, "kernels")
                if (r["op"], r["kernel"], r["dtype"], r["clips"]) == (op, kernel, dtype, clips)
                and not r["map"].endswith(_SPECIAL)
            ]  # fmt: skip
            shares = [share_of_copy([r]) for r in found]
            worst = None if None in shares else min(shares, default=None)
            result.append(
                _verdict(
                    f"{op} {kernel}: share of copy speed",
                    dtype,
                    wanted,
                    share_of_copy(found),
                    worst,
                )
            )
        factors = [
            times_pytorch(report, "gate_shift_fuse", "forward", dtype, clips, form)
            for form in ("eager", "compiled")
        ]
        factor = min(filter(None, factors), default=None)
        title = "gate_shift_fuse forward: times as fast as PyTorch"
        result.append(_verdict(title, dtype, PYTORCH_GOAL, factor, factor))
        ratio = network_ratio(report, "GSF by the kernels", dtype, clips)
        title = "GSF-ResNet50 / TSN-ResNet50, at most"
        result.append(_verdict(title, dtype, NETWORK_GOAL, ratio, ratio, at_most=True))
    return result


def rows(report, step):
    """Returns the rows of all parts of a step."""
    parts = report["steps"].get(step, {"parts": {}})["parts"].values()
    return [row for part in parts for row in part["rows"]]


def share_of_copy(found):
    """Returns the time of copies as a share of that of the kernels in `rows`, or None."""
    if not found or any(r["milliseconds"] is None for r in found):
        return None
    return sum(r["copy_milliseconds"] for r in found) / sum(r["milliseconds"] for r in found)


def times_pytorch(report, op, kernel, dtype, clips, form):
    """Returns how many times longer the PyTorch form takes, on the maps where it was timed.

    PyTorch's "training" is the forward pass and the gradients together. It stands beside the
    kernel "gradient", and is compared with the sum of both kernels' times.
    """
    ours = {
        (r["map"], r["kernel"]): r["milliseconds"]
        for r in rows(report, "kernels")
        if (r["op"], r["dtype"], r["clips"]) == (op, dtype, clips)
    }
    kernels = {
        "forward": ("forward", ("forward",)),
        "gradient": (
            "training",
            ("training forward" if op == "gate_shift_fuse" else "forward", "gradient"),
        ),
    }.get(kernel)
    if kernels is None:
        return None
    timed, parts = kernels
    theirs = {
        r["map"]: r["milliseconds"]
        for r in rows(report, "pytorch")
        if (r["op"], r["kernel"], r["dtype"], r["clips"], r["form"])
        == (op, timed, dtype, clips, form)
        and r["milliseconds"] is not None
        and all(ours.get((r["map"], part)) is not None for part in parts)
    }
    if not theirs:
        return None
    return sum(theirs.values()) / sum(ours[name, part] for name in theirs for part in parts)


def network_ratio(report, form, dtype, clips):
    """Returns the time of a network as a multiple of TSN's, or None."""
    times = {
        r["form"]: r["milliseconds"]
        for r in rows(report, "networks")
        if (r["dtype"], r["clips"]) == (dtype, clips)
    }
    return times[form] / times["TSN"] if times.get(form) and times.get("TSN") else None


def ratio_from_ops(report, dtype, clips):
    """Returns 1 + the times of GSF's kernel in all blocks / the time of TSN-ResNet50, or None."""
    blocks = {
        f"GSF-ResNet50 {size}x{size}x{channels // 4}": count
        for size, channels, count in benchmarks.RESNET50_MAPS
    }
    times = {
        r["map"]: r["milliseconds"]
        for r in rows(report, "kernels")
        if (r["kernel"], r["dtype"], r["clips"]) == ("forward", dtype, clips) and r["map"] in blocks
    }
    tsn = [
        r["milliseconds"]
        for r in rows(report, "networks")
        if (r["form"], r["dtype"], r["clips"]) == ("TSN", dtype, clips)
    ]
    if len(times) < len(blocks) or None in times.values() or not tsn or tsn[0] is None:
        return None
    return 1 + sum(blocks[name] * time for name, time in times.items()) / tsn[0]


def _checks_goal(report):
    return _problems_goal(report, "check", "differences beyond rounding")


def _sanitizer_goal(report):
    return _problems_goal(report, "sanitize", "findings of the sanitizers")


def _problems_goal(report, step, title):
    found = report["steps"].get(step)
    measured = found and found["status"] in ("passed", "failed") and not report["rehearsal"]
    count = sum(len(p["problems"]) for p in found["parts"].values()) if measured else None
    return _verdict(title, "all", 0, count, count, at_most=True)


def _verdict(goal, dtype, wanted, found, worst, at_most=False):
    def meets(value):
        return value <= wanted if at_most else value >= wanted

    verdict = "not measured"
    if found is not None:
        verdict = "no" if not meets(found) else "yes" if meets(worst) else "together"
    return {
        **{"goal": goal, "dtype": dtype, "wanted": wanted},
        **{"found": found, "worst": worst, "verdict": verdict},
    }
