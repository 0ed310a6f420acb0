"""Whether the PyTorch forms compute what the float64 references do."""

import numpy as np
import torch

from custom_ops.cuda_check import cases, references, torch_forms

# Of the largest number of an array: what the sums of the references and of PyTorch may differ by.
TOLERANCE = {"float64": 1e-10, "float32": 2e-5, "bfloat16": 4e-2}
CASES = {
    "temporal_shift": cases.TemporalShiftCase((8, 5, 4, 16), 4, 2),
    "gate_shift_fuse": cases.GateShiftFuseCase((2, 3, 6, 5, 24), 16),
    "rubiks_shift": cases.RubiksShiftCase((2, 4, 7, 5, 12), strides=(1, 2, 2), shift=1.9),
}


def differences(op, dtype, device, transform=lambda form: form):
    """Returns a line for each array of an op that PyTorch computes differently.

    Args:
        op: Name of the op.
        dtype: Name of the element type.
        device: PyTorch's name of the device.
        transform: What is done with the form before it is called, such as `torch.compile`.
    """
    pairs = {
        "temporal_shift": _temporal_shift,
        "gate_shift_fuse": _gate_shift_fuse,
        "rubiks_shift": _rubiks_shift,
    }[op](CASES[op], getattr(torch, dtype), device, transform)
    lines = []
    for name, (got, want) in pairs.items():
        error = np.max(np.abs(got - want)) / np.max(np.abs(want))
        if not error <= TOLERANCE[dtype]:
            lines.append(f"PyTorch's {op} in {dtype} on {device}: {name} is off by {error:.1e}")
    return lines


def to_torch(x, dtype, device):
    """Returns `[B * T, H, W, C]` as `[B * T, C, H, W]` with the channels last in memory."""
    return torch.as_tensor(x, dtype=dtype, device=device).permute(0, 3, 1, 2)


def _to_numpy(tensor):
    array = tensor.detach().double().cpu().numpy()
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def _inputs(case, dtype, device):
    """Arrays in float64 that hold numbers of `dtype`, and the tensors of them."""
    x, *others, upstream = case.arrays("float64")
    x, upstream = (to_torch(array, dtype, device) for array in (x, upstream))
    return x.requires_grad_(), *others, upstream


def _temporal_shift(case, dtype, device, transform):
    x = to_torch(case.arrays("float64")[0], dtype, device)
    y = transform(torch_forms.temporal_shift)(x, case.num_segments, case.fold)
    expected = references.temporal_shift(_to_numpy(x), case.num_segments, case.fold)
    return {"y": (_to_numpy(y), expected)}


def _gate_shift_fuse(case, dtype, device, transform):
    x, weights, upstream = _inputs(case, dtype, device)
    tensors = torch_forms.gate_shift_fuse_weights(weights, dtype, device)
    names = ("gamma", "beta")
    for name in names:
        tensors[name].requires_grad_()
    y = transform(torch_forms.gate_shift_fuse)(x, tensors, case.shape[1], case.epsilon, True)
    gradients = torch.autograd.grad(y, [x, *(tensors[name] for name in names)], upstream)
    # The references read the weights as they were rounded.
    weights = {name: tensors[name].detach().double().cpu().numpy() for name in tensors}
    weights["gate_kernel"] = weights["gate_kernel"].transpose(2, 3, 4, 1, 0)
    weights["fusion_kernel"] = weights["fusion_kernel"].transpose(0, 2, 3, 1)
    expected = references.gate_shift_fuse(
        _to_numpy(x), weights, case.shape[1], case.processed, case.epsilon, True,
        _to_numpy(upstream),
    )  # fmt: skip
    results = {"y": y, "d_x": gradients[0], "d_gamma": gradients[1], "d_beta": gradients[2]}
    return {name: (_to_numpy(tensor), expected[name]) for name, tensor in results.items()}


def _rubiks_shift(case, dtype, device, transform):
    x, shift, upstream = _inputs(case, dtype, device)
    # PyTorch's gradient at a multiple of 1/2 is that of one side; the reference's is the mean.
    shift = shift + 0.13
    shift = torch.as_tensor(
        shift, dtype=torch.float64 if dtype == torch.float64 else torch.float32, device=device
    ).requires_grad_()
    y = transform(torch_forms.rubiks_shift)(x, shift, case.shape[1], case.strides)
    gradients = torch.autograd.grad(y, [x, shift], upstream)
    expected = references.rubiks_shift(
        _to_numpy(x), _to_numpy(shift), case.shape[1], case.strides, False, _to_numpy(upstream)
    )
    results = zip(("y", "d_x", "d_shift"), (y, *gradients), expected, strict=True)
    return {name: (_to_numpy(tensor), want) for name, tensor, want in results}
