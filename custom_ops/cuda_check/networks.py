"""Step 6: what GSF adds to a ResNet-50 whose other layers are PyTorch's, on the same card.

No paper gives the time of ResNet-50's convolutions on these cards, so PyTorch's are measured here.
"TSN" is the network without GSF. "GSF by the kernels" has our kernel after the conv3 of each of its
16 blocks, "GSF by PyTorch" has the PyTorch form there. All three run eagerly in inference, replayed
from a CUDA graph, with the channels last in memory and with TF32 for convolutions in float32, which
is PyTorch's default and TensorFlow's. The report also derives the ratio from the times of the
kernels alone:

    GSF / TSN = 1 + (3 t(56x56) + 4 t(28x28) + 6 t(14x14) + 3 t(7x7)) / time of TSN

with t the time of the kernel on the map of a stage.
"""

import functools

from custom_ops.cuda_check import benchmarks, calls

PARTS = ("resnet50",)
# Of the largest logit: 16 layers of float32 arithmetic in another order.
_LARGEST_ERROR = 2e-3
_FORMS = ("TSN", "GSF by the kernels", "GSF by PyTorch")


def run(settings, part, record):
    """Records the time of each network for every element type and number of clips."""
    try:
        import torch
    except ImportError:
        if settings.rehearse:
            return record.skip("PyTorch is not installed")
        raise
    if settings.rehearse:
        return _rehearse(record)
    kernels = calls.Kernels(settings.kernels_file(), memory=None)
    record.value("error", error := _compare(kernels))
    if not error <= _LARGEST_ERROR:
        record.problem(
            f"GSF-ResNet50 with our kernels is off by {error:.1e} of the largest logit, "
            f"more than {_LARGEST_ERROR:.0e}."
        )
    for clips in settings.clips:
        for dtype in settings.dtypes:
            for form in _FORMS:
                milliseconds = _time(form, dtype, clips, kernels)
                record.row(form=form, dtype=dtype, clips=clips, milliseconds=milliseconds)
                torch.cuda.empty_cache()


def _network(form, dtype, device, kernels):
    import torch

    from custom_ops.cuda_check.torch_gate_shift_fuse import GateShiftFuse
    from custom_ops.cuda_check.torch_resnet50 import ResNet50

    torch.manual_seed(0)
    temporal = functools.partial(
        GateShiftFuse,
        num_segments=benchmarks.NUM_SEGMENTS,
        dtype=dtype,
        device=device,
        kernels=kernels if form == "GSF by the kernels" else None,
    )
    network = ResNet50(torch.nn.Identity if form == "TSN" else temporal)
    network = network.to(device=device, dtype=getattr(torch, dtype))
    return network.to(memory_format=torch.channels_last).eval()


def _frames(clips, size, dtype, device):
    import torch

    frames = torch.randn(
        clips * benchmarks.NUM_SEGMENTS, 3, size, size, dtype=getattr(torch, dtype), device=device
    )
    return frames.contiguous(memory_format=torch.channels_last)


def _time(form, dtype, clips, kernels):
    import torch

    from custom_ops.cuda_check import torch_timing

    network, frames = _network(form, dtype, "cuda", kernels), _frames(clips, 224, dtype, "cuda")
    with torch.no_grad():
        return torch_timing.milliseconds([lambda: network(frames)])


def _compare(kernels):
    """Returns the largest difference of the logits by our kernels and by PyTorch."""
    import torch

    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    frames = _frames(2, 64, "float32", "cuda")
    with torch.no_grad():
        ours, theirs = (_network(f, "float32", "cuda", kernels)(frames) for f in _FORMS[1:])
    torch.backends.cudnn.allow_tf32 = True
    return float((ours - theirs).abs().max() / theirs.abs().max())


def _rehearse(record):
    """The networks on the CPU and on maps without memory: their sizes and what GSF gets."""
    import torch

    from custom_ops.cuda_check.torch_resnet50 import ResNet50

    maps, are_last = [], []

    class Recorder(torch.nn.Module):
        def forward(self, x):
            maps.append((x.shape[2], x.shape[1]))
            are_last.append(x.is_contiguous(memory_format=torch.channels_last))
            return x

    network = ResNet50(lambda channels: Recorder(), num_classes=1000)
    network = network.to(memory_format=torch.channels_last).eval()
    record.value("parameters", sum(p.numel() for p in network.parameters()))
    with torch.no_grad():
        network(_frames(1, 64, "float32", "cpu"))
    if not all(are_last):
        record.problem("A map of ResNet-50 has its channels not last in memory.")
    maps.clear()
    network.to("meta")(_frames(1, 224, "float32", "meta"))
    expected = [
        (size, channels)
        for size, channels, blocks in benchmarks.RESNET50_MAPS
        for _ in range(blocks)
    ]
    if maps != expected:
        record.problem(f"The maps of ResNet-50 must be {expected}. Received: {maps}")
    with torch.no_grad():
        for form in ("TSN", "GSF by PyTorch"):
            frames = _frames(1, 32, "float32", "cpu")
            logits = _network(form, "float32", "cpu", None)(frames)
            if not logits.isfinite().all():
                record.problem(f"{form}: the logits are not finite.")
            record.row(form=form, dtype="float32", clips=1, milliseconds=None)
