"""Goals and tables out of the report of the runner."""

from custom_ops.cuda_check import benchmarks, cases, goals


def lines(report, clips):
    """Returns the lines of the short tables: kernels, PyTorch, networks, errors, steps, goals."""
    tables = (
        _speed_table(report),
        _network_table(report, clips),
        _error_table(report),
        _problems(report),
        _step_table(report),
        _goal_table(report, clips),
    )
    return [line for table in tables for line in (*table, "") if table]


def full_table(report):
    """Returns the lines of the table of all times."""
    row = "{:<34} {:<16} {:<9} {:>5} {:>9} {:>7} {:>5} {:>9} {:>9}"
    result = [
        row.format("map", "kernel", "dtype", "clips", "ms", "GB/s", "copy", "eager ms", "comp. ms")
    ]
    pytorch = {
        (r["map"], r["kernel"], r["dtype"], r["clips"], r["form"]): r["milliseconds"]
        for r in goals.rows(report, "pytorch")
    }
    for r in goals.rows(report, "kernels"):
        key = r["map"], r["kernel"], r["dtype"], r["clips"]
        time = r["milliseconds"]
        result.append(
            row.format(
                *key,
                _number(time, 4),
                _number(time and r["bytes"] / time / 1e6, 0),
                _number(goals.share_of_copy([r]), 2),
                *(_number(pytorch.get((*key, form)), 3) for form in ("eager", "compiled")),
            )
        )
    return result


def _speed_table(report):
    """Per op, kernel, element type and clips: all maps of the main model together."""
    row = "{:<16} {:<16} {:<9} {:>5} {:>6} {:>7} {:>7} {:>8}"
    result = [
        "Kernels: the time of a copy of as many bytes as a share of the kernel's, on all maps",
        "together and on the worst; and how many times as long the PyTorch forms take.",
        row.format("op", "kernel", "dtype", "clips", "copy", "worst", "eager", "compiled"),
    ]
    groups = {}
    for r in goals.rows(report, "kernels"):
        groups.setdefault((r["op"], r["kernel"], r["dtype"], r["clips"]), []).append(r)
    for key, found in groups.items():
        worst = [share for r in found if (share := goals.share_of_copy([r])) is not None]
        speedups = [goals.times_pytorch(report, *key, form) for form in ("eager", "compiled")]
        result.append(
            row.format(
                *key,
                _number(goals.share_of_copy(found), 2),
                _number(min(worst, default=None), 2),
                *(_number(speedup, 1) for speedup in speedups),
            )
        )
    return result if groups else []


def _network_table(report, clips):
    row = "{:<20} {:<9} {:>5} {:>9} {:>7} {:>10}"
    found = goals.rows(report, "networks")
    if not found:
        return []
    result = [
        "ResNet-50 at inference, 8 frames of 224 x 224 per clip, PyTorch eager; and the ratio that",
        "follows from the times of the kernels alone.",
        row.format("network", "dtype", "clips", "ms", "/ TSN", "from ops"),
    ]
    for r in found:
        of_ops = None
        if r["form"] == "GSF by the kernels":
            of_ops = goals.ratio_from_ops(report, r["dtype"], r["clips"])
        ratio = goals.network_ratio(report, r["form"], r["dtype"], r["clips"])
        result.append(
            row.format(
                *(r["form"], r["dtype"], r["clips"]),
                *(_number(r["milliseconds"], 3), _number(ratio, 3), _number(of_ops, 3)),
            )
        )
    return result


def _error_table(report):
    """The largest error of each op and element type, 1 being what rounding explains."""
    row = "{:<16} {:>6} {:>10} {:>10} {:>10} {:>10}"
    dtypes = tuple(cases.ROUNDING)
    result = [
        "Largest error of an array, where 1 is all that rounding may do.",
        row.format("op", "cases", *dtypes),
    ]
    for op, part in report["steps"].get("check", {"parts": {}})["parts"].items():
        errors = [
            [error for r in part["rows"] for error in r["errors"].get(dtype, {}).values()]
            for dtype in dtypes
        ]
        result.append(
            row.format(op, len(part["rows"]), *(_number(max(e, default=None), 3) for e in errors))
        )
    return result if len(result) > 2 else []


def _problems(report):
    """The first problems of each part; the others are in the file."""
    result = []
    for name, step in report["steps"].items():
        for part, content in step["parts"].items():
            for problem in content["problems"][:3]:
                result.append(f"{name} {part}: {problem[-600:]}")
            if len(content["problems"]) > 3:
                result.append(f"{name} {part}: and {len(content['problems']) - 3} more problems")
    return result


def _step_table(report):
    row = "{:<10} {:<40} {:>8} {:>7} {:>7}"
    result = [row.format("step", "", "", "s", "at most")]
    for name, step in report["steps"].items():
        result.append(
            row.format(
                name, step["title"], step["status"], step.get("seconds", "-"), step["budget"]
            )
        )
    return result


def _goal_table(report, clips):
    row = "{:<52} {:<9} {:>7} {:>7} {:>7}  {}"
    result = [
        f"Goals, {clips} clips of {benchmarks.NUM_SEGMENTS} frames. A share of copy speed is that",
        'of all maps together, with the worst map beside it; "together": not met by the worst.',
        row.format("goal", "dtype", "wanted", "found", "worst", "met"),
    ]
    for goal in goals.judge(report, clips):
        result.append(
            row.format(
                *(goal["goal"], goal["dtype"], goal["wanted"]),
                *(_number(goal["found"], 2), _number(goal["worst"], 2), goal["verdict"]),
            )
        )
    return result


def _number(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"
