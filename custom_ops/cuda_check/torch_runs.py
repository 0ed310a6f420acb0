"""The PyTorch forms on the maps of the benchmark."""

import numpy as np
import torch

from custom_ops.cuda_check import benchmarks, torch_forms
from custom_ops.cuda_check.calls import itemsize


def map_bytes(case, dtype):
    """Returns the size of the layer's input."""
    return int(np.prod(case.shape)) * itemsize(dtype)


def prepare(case, kernel, dtype, device, transform):
    """Returns a function without arguments that runs a form once, on random numbers.

    Args:
        case: From `benchmarks.cases`.
        kernel: `"forward"`, or `"training"` for the forward pass and all gradients.
        dtype: Name of the element type.
        device: PyTorch's name of the device.
        transform: What is done with the form, such as `torch.compile`.
    """
    kind = getattr(torch, dtype)
    training = kernel == "training"
    *lead, height, width, channels = case.shape
    x = torch.randn(int(np.prod(lead)), height, width, channels, dtype=kind, device=device)
    x = x.permute(0, 3, 1, 2)
    form, arguments, learned = _call(case, kind, device, training)
    form = transform(form)
    if not training:

        def forward():
            with torch.no_grad():
                form(x, *arguments)

        return forward
    sources = [x.requires_grad_(), *(tensor.requires_grad_() for tensor in learned)]
    upstream = torch.randn_like(form(x, *arguments))

    def forward_and_gradients():
        torch.autograd.grad(form(x, *arguments), sources, upstream)

    return forward_and_gradients


def _call(case, kind, device, training):
    """Returns a form, its arguments after x, and the tensors among them that are learned."""
    real = torch.float64 if kind == torch.float64 else torch.float32
    if case.op == "temporal_shift":
        return torch_forms.temporal_shift, (case.num_segments, case.fold), []
    if case.op == "rubiks_shift":
        shift = np.random.default_rng(0).uniform(-case.shift, case.shift, (3, case.shape[-1]))
        shift = torch.as_tensor(shift, dtype=real, device=device)
        return torch_forms.rubiks_shift, (shift, case.shape[1], case.strides), [shift]
    weights = case.weights("float32")
    weights = torch_forms.gate_shift_fuse_weights(weights, kind, device)
    learned = [tensor for name, tensor in weights.items() if name not in ("mean", "variance")]
    arguments = weights, benchmarks.NUM_SEGMENTS, case.epsilon, training
    return torch_forms.gate_shift_fuse, arguments, learned
