"""Step 4: the time of every kernel, beside a copy of as many bytes on the same device."""

from custom_ops.cuda_check import benchmarks, calls, rehearsal
from custom_ops.cuda_check.device import Device

PARTS = {
    **{"temporal_shift": 1, "gate_shift_fuse": 3, "rubiks_shift": 3, "motion_flow": 1},
    "rubiks_shift_pointwise": 2,
}


def run(settings, part, record):
    """Records a row for every map, kernel, element type and number of clips of an op."""
    if settings.rehearse:
        device = rehearsal.PretendDevice()
        library = settings.kernels_file() if settings.kernels_file().is_file() else None
        kernels = rehearsal.PretendKernels(library, device)
    else:
        device = Device(settings.cuda_home)
        kernels = calls.Kernels(settings.kernels_file(), device)
    for clips in settings.clips:
        for name, case in benchmarks.cases(part, clips):
            for dtype in settings.dtypes:
                columns = {"op": part, "map": name, "dtype": dtype, "clips": clips}
                with record.attempt(f"{name} {dtype}, {clips} clips"), kernels.session() as arrays:
                    for prepared in benchmarks.prepare(case, kernels, arrays, dtype):
                        record.row(**columns, **_time(prepared, device, arrays))
    if settings.rehearse:
        record.value("most_bytes", device.most_bytes)


def _time(prepared, device, arrays):
    least, median, most = device.milliseconds(prepared.enqueues)
    return {
        "kernel": prepared.name,
        "bytes": prepared.nbytes,
        **{"milliseconds": median, "least": least, "most": most},
        "copy_milliseconds": _copy(device, arrays, prepared.nbytes),
    }


def _copy(device, arrays, nbytes):
    """Returns the median time of a copy that reads and writes `nbytes` in all."""
    half = nbytes // 2

    def copy():
        source, target = arrays.random(half // 4, "float32"), arrays.empty(half)
        return lambda stream: device.enqueue_copy(target.pointer, source.pointer, half, stream)

    return device.milliseconds([copy() for _ in range(benchmarks.number_of_sets(nbytes))])[1]
