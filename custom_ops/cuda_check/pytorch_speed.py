"""Step 5: the time of the PyTorch forms of the layers, eager and compiled, on the same maps."""

import functools
import time

from custom_ops.cuda_check import benchmarks

PARTS = ("gate_shift_fuse", "rubiks_shift", "temporal_shift")
# The first of these maps stand for the rest: a compilation takes seconds.
_MAPS = {"gate_shift_fuse": 6, "rubiks_shift": 5, "temporal_shift": 4}


def run(settings, part, record):
    """Records how an op's form differs from the references, then the times of its form."""
    try:
        import torch
    except ImportError:
        if settings.rehearse:
            return record.skip("PyTorch is not installed")
        raise
    from custom_ops.cuda_check import torch_checks

    record.value("torch", torch.__version__)
    device = "cpu" if settings.rehearse else "cuda"
    torch.backends.cudnn.allow_tf32 = False
    for dtype in torch_checks.TOLERANCE:
        for line in torch_checks.differences(part, dtype, device):
            record.problem(line)
    # The compiler's back end for the CPU takes minutes and is not the one for the GPU: a rehearsal
    # shows that the form is traced as one graph, with its gradient.
    backend = "aot_eager" if settings.rehearse else "inductor"
    compiled = functools.partial(torch.compile, dynamic=False, fullgraph=True, backend=backend)
    for line in torch_checks.differences(part, "float32", device, compiled):
        record.problem(f"compiled: {line}")
    # PyTorch's default for convolutions, and TensorFlow's.
    torch.backends.cudnn.allow_tf32 = True
    for clips, transform, kernel in _order(settings):
        for name, case in list(benchmarks.cases(part, clips))[: _MAPS[part]]:
            for dtype in settings.dtypes:
                begin = time.monotonic()
                columns = {"op": part, "map": name, "kernel": kernel, "dtype": dtype}
                columns |= {"clips": clips, "form": transform}
                try:
                    columns["milliseconds"] = _time(case, kernel, dtype, transform, settings)
                except torch.cuda.OutOfMemoryError:
                    columns |= {"milliseconds": None, "note": "out of memory"}
                record.row(**columns, seconds=round(time.monotonic() - begin, 2))


def _order(settings):
    """Yields clips, form and kernel, what the goals ask for first."""
    kernels = "forward", "training"
    first, *others = settings.clips
    yield from ((first, form, kernels[0]) for form in ("eager", "compiled"))
    yield from ((clips, "eager", kernels[0]) for clips in others)
    yield from ((clips, "eager", kernels[1]) for clips in settings.clips)
    yield from ((clips, "compiled", kernels[0]) for clips in others)


def _time(case, kernel, dtype, transform, settings):
    """Returns milliseconds; in a rehearsal None, after the form ran on a tensor without memory."""
    import torch

    from custom_ops.cuda_check import torch_runs, torch_timing

    if settings.rehearse:
        run = torch_runs.prepare(case, kernel, dtype, "meta", lambda form: form)
        return run()
    torch.compiler.reset()
    compiled = functools.partial(torch.compile, dynamic=False, fullgraph=True)
    transforms = {"eager": lambda form: form, "compiled": compiled}
    sets = benchmarks.number_of_sets(2 * torch_runs.map_bytes(case, dtype))
    runs = [
        torch_runs.prepare(case, kernel, dtype, "cuda", transforms[transform]) for _ in range(sets)
    ]
    result = torch_timing.milliseconds(runs)
    del runs
    torch.cuda.empty_cache()
    return result
