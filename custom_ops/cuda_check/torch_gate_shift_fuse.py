"""GSF as a layer of a PyTorch network: by our kernel, or as PyTorch's own functions."""

import torch
from torch import nn

from custom_ops.cuda_check import calls, cases, torch_forms


class GateShiftFuse(nn.Module):
    """GSF at inference on a quarter of the channels, in place.

    Args:
        channels: Channels of the input, `[B * T, C, H, W]` with the channels last in memory.
        num_segments: T.
        dtype: Name of the element type.
        device: PyTorch's name of the device.
        kernels: `calls.Kernels` that work on the device's memory; None, and PyTorch computes it.
    """

    def __init__(self, channels, num_segments, dtype, device, kernels=None):
        super().__init__()
        self._segments, self._dtype, self._kernels = num_segments, dtype, kernels
        case = cases.GateShiftFuseCase((1, num_segments, 1, 1, channels), channels // 4)
        weights = case.weights("float32")
        # A network's features are about zero on average, after a convolution.
        weights["mean"] -= 2
        self._case, self._epsilon = case, case.epsilon
        self._tensors = torch_forms.gate_shift_fuse_weights(weights, getattr(torch, dtype), device)
        if kernels is not None:
            self._arrays = {
                name: torch.as_tensor(array, device=device) for name, array in weights.items()
            }
            self._weights = _struct(calls.Weights, self._arrays)

    def forward(self, x):
        if self._kernels is None:
            return torch_forms.gate_shift_fuse(
                x, self._tensors, self._segments, self._epsilon, training=False
            )
        if not x.is_contiguous(memory_format=torch.channels_last):
            raise ValueError("x must have its channels last in memory.")
        frames, channels, height, width = x.shape
        shape = self._case.struct(self._dtype)
        shape.num_frames, shape.height, shape.width, shape.training = frames, height, width, False
        processed = shape.processed
        sizes = {
            **{"mean": (processed,), "variance": (processed,), "gate": (frames, height, width, 2)},
            **{"means": (frames, 2, processed), "fusion": (frames, processed)},
        }
        saved = {name: x.new_empty(size, dtype=torch.float32) for name, size in sizes.items()}
        nbytes = self._kernels.workspace_bytes("gate_shift_fuse", shape)
        workspace = x.new_empty(nbytes, dtype=torch.uint8)
        self._kernels.call(
            "gate_shift_fuse_cuda", x.data_ptr(), self._weights, x.data_ptr(),
            _struct(calls.Saved, saved), workspace.data_ptr(), shape,
            stream=torch.cuda.current_stream().cuda_stream,
        )  # fmt: skip
        return x


def _struct(kind, tensors):
    return kind(**{name: tensor.data_ptr() for name, tensor in tensors.items()})
