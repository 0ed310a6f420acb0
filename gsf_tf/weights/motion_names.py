"""MotionSqueeze in the authors' checkpoints: our names for its tensors, which its files vary.

The module's convolutions differ in their shapes, so each of them is found by its shape, and its
normalization is the one that follows in the file. Networks with the module also have a
normalization `bn2` of 128 channels, which nothing reads; it is left out here and written again.
"""

import re

import numpy as np

from gsf_tf.errors import CheckpointError

# Parts of the network outside of the module.
ELSEWHERE = re.compile(r"layer\d\..*|(conv1|bn1|fc|fc1|new_fc|last_linear|top_cls_fc)\.\w+")
UNUSED = re.compile(r"bn2\.(weight|bias|running_mean|running_var)")
UNUSED_CHANNELS = 128
FIRST_KERNEL = (3, 1, 7, 7)  # Over the flow, which only this module has.

# The authors' names of the convolutions and of their normalizations, in the order of our layer.
NAMES = [("chnl_reduction.0", "chnl_reduction.1")] + [
    (f"flow_refinement.conv{stage}.{conv}", f"flow_refinement.conv{stage}.{conv + 1}")
    for stage in (1, 2, 3, 4)
    for conv in (0, 3)
]
STATISTICS = ("weight", "bias", "running_mean", "running_var")


def has_motion(tensors):
    """Returns whether a checkpoint's tensors include those of MotionSqueeze."""
    return any(tensor.shape == FIRST_KERNEL for tensor in tensors.values())


def with_our_motion_names(tensors, path):
    """Returns a checkpoint's tensors with our names for those of MotionSqueeze, without `bn2`.

    Args:
        tensors: Dictionary from names without prefixes to tensors with a `shape`.
        path: Path of the checkpoint, for the error.

    Raises:
        CheckpointError: If a convolution or its normalization is missing or there are several. The
            message lists the names outside of the residual blocks.
    """
    if not has_motion(tensors):
        return tensors
    inside = [name for name in tensors if not (ELSEWHERE.fullmatch(name) or UNUSED.fullmatch(name))]
    renamed = {}
    for shape, (conv, normalization) in zip(_kernel_shapes(tensors), NAMES, strict=True):
        found = [name for name in inside if tensors[name].shape == shape]
        theirs = _next_normalization(found[0], inside, tensors) if len(found) == 1 else None
        if theirs is None:
            listed = "\n  ".join(f"{name} {list(tensors[name].shape)}" for name in inside)
            raise CheckpointError(
                f"{path}: MotionSqueeze must have one convolution with a kernel {list(shape)}, "
                f"followed by its normalization. Received: {len(found)} of them, in\n  {listed}"
            )
        renamed[found[0]] = f"{conv}.weight"
        renamed |= {f"{theirs}.{part}": f"{normalization}.{part}" for part in STATISTICS}
    return {
        renamed.get(name, name): tensor
        for name, tensor in tensors.items()
        if not UNUSED.fullmatch(name)
    }


def unused_entries():
    """Returns the tensors of `bn2`, as they are before training."""
    values = {part: np.zeros(UNUSED_CHANNELS, "float32") for part in STATISTICS}
    for part in ("weight", "running_var"):
        values[part] += 1
    return {f"bn2.{part}": value for part, value in values.items()}


def _kernel_shapes(tensors):
    """The shapes of the kernels in the order of `NAMES`; the channels are what layer3 reads."""
    names = ("layer3.0.conv1.weight", "layer3.0.conv1.net.weight")
    readers = [tensors[name].shape for name in names if name in tensors]
    channels = readers[0][1] if readers and len(readers[0]) > 1 else 0
    shapes = [(64, channels, 1, 1)]
    widths = (3, 16, 32, 64, channels)
    for inputs, outputs, size in zip(widths, widths[1:], (7, 3, 3, 3), strict=False):
        shapes += [(inputs, 1, size, size), (outputs, inputs, 1, 1)]
    return shapes


def _next_normalization(conv, inside, tensors):
    """The name of the normalization after a convolution; None if its size is another one."""
    following = inside[inside.index(conv) + 1 :]
    kernel = next((i for i, name in enumerate(following) if len(tensors[name].shape) == 4), None)
    means = [name for name in following[:kernel] if name.endswith(".running_mean")]
    if len(means) != 1 or tensors[means[0]].shape != tensors[conv].shape[:1]:
        return None
    return means[0].removesuffix(".running_mean")
