"""Rules that map our weights to the authors' names and layouts.

Our layers have the authors' names, with underscores for dots, except these:

| ours | theirs |
|---|---|
| `layer1_0_conv1`, `layer1_0_downsample_0` | `layer1.0.conv1`, `layer1.0.downsample.0` |
| `layer1_0_conv1` behind a `TemporalShift` | `layer1.0.conv1.net` |
| `layer1_0_conv3_temporal` | `layer1.0.gsf` or `layer1.0.gsm` |
| the MotionSqueeze after layer2 | `chnl_reduction`, `flow_refinement` (`motion_names.py`) |
| `layer1_0_conv2_temporal` of GST | `layer1.0.conv2` (1x3x3) and `layer1.0.Tconv` (3x3x3) |
| `inception_3a_1x1_temporal` | `gsf_inception_3a_1x1` or `gsm_...` |
| `classifier` of a `SegmentModel` | `new_fc` |

In ResNets the authors have a module after conv3 only. A module after conv1 or conv2 (Table 3 of the
GSF paper) is called `layer1.0.gsf_conv1` here, so that it is not mistaken for theirs. If a file has
another name for the module after conv3, `with_our_module_names` recognizes it by its gate.

GST's network is made of 3D convolutions. The kernels that look at one frame have an axis of one
frame in its files, `[out, in, 1, height, width]`; `assign_tensors` reads them with and without.
"""

import dataclasses
import re

import keras
import numpy as np

from gsf_tf.errors import CheckpointError
from gsf_tf.layers import (
    GateShift,
    GateShiftFuse,
    GroupedSpatialTemporal,
    MotionSqueeze,
    TemporalLayer,
    TemporalShift,
)
from gsf_tf.weights.motion_names import NAMES as MOTION_NAMES

# `new_fc` is the authors', `fc` torchvision's and BN-Inception's, `top_cls_fc` InceptionV3's.
HEADS = ("new_fc", "fc", "last_linear", "top_cls_fc")

# The methods whose programs save backbones with names of these rules.
METHODS = ("tsn", "tsm", "gsm", "gsf", "gst")

IN_RESNET = re.compile(r"layer(\d)_(\d+)_(.+)")
CONVOLUTION_2D = (2, 3, 1, 0)  # [out, in, height, width] -> [height, width, in, out]
CONVOLUTION_3D = (2, 3, 4, 1, 0)
DEPTHWISE = (2, 3, 0, 1)  # [channels, 1, height, width] -> [height, width, channels, 1]
LINEAR = (1, 0)
VECTOR = (0,)

IN_BLOCK = re.compile(r"(layer\d\.\d+)\.(.+)\.(\w+)\.weight")
OUR_MODULE = re.compile(r"(gsf|gsm)(_conv[123])?")


@dataclasses.dataclass(frozen=True)
class TorchVariable:
    """A variable of ours and its layout in a checkpoint.

    Attributes:
        variable: `keras.Variable`.
        axes: Permutation of the axes that turns the tensor of the checkpoint into the variable.
    """

    variable: keras.Variable
    axes: tuple

    @property
    def shape(self):
        """Shape of the tensor in a checkpoint."""
        return tuple(self.variable.shape[axis] for axis in np.argsort(self.axes))

    def to_torch(self):
        """Returns the value in the layout of a checkpoint, float32."""
        value = keras.ops.convert_to_numpy(keras.ops.cast(self.variable, "float32"))
        return np.ascontiguousarray(value.transpose(np.argsort(self.axes)))


def method_of(backbone):
    """Returns the method to which the layers of a backbone belong: tsn, tsm, gsm, gsf or gst.

    Raises:
        CheckpointError: If the layers belong to several methods, or to one without checkpoints.
    """
    # MotionSqueeze is beside the layers of a method.
    methods = temporal_methods(backbone) - {MotionSqueeze.method} or {"tsn"}
    if len(methods) > 1 or not methods <= set(METHODS):
        raise CheckpointError(
            "A checkpoint must be of TSN, TSM, GSM, GSF or GST, with one kind of temporal layer. "
            f"Received: a backbone with layers of {' and '.join(sorted(methods))}"
        )
    return methods.pop()


def temporal_methods(backbone):
    """Returns the set of the methods of a backbone's temporal layers; a class's name for none."""
    return {
        layer.method or type(layer).__name__
        for layer in backbone.layers
        if isinstance(layer, TemporalLayer)
    }


def backbone_variables(backbone, shift_wrapper=True):
    """Returns the variables of a backbone by the authors' names.

    Args:
        backbone: Functional `keras.Model`, with or without temporal layers. Its linear layer is
            left out, because the name of that layer depends on the program that wrote the file.
        shift_wrapper: Whether a convolution behind a `TemporalShift` is called `conv1.net`, as in
            TSM, or `conv1`, as in a plain backbone.

    Returns:
        Dictionary from names, such as `layer1.0.conv1.weight`, to `TorchVariable`.

    Raises:
        CheckpointError: If a layer with weights has no counterpart in the authors' networks.
    """
    method = method_of(backbone)
    shifted = set()
    if shift_wrapper:
        shifted = {
            layer.name.removesuffix("_temporal").removesuffix("_pad")
            for layer in backbone.layers
            if isinstance(layer, TemporalShift)
        }
    variables = {}
    for layer in backbone.layers:
        if isinstance(layer, MotionSqueeze):
            variables |= _motion_variables(layer)
        elif layer.weights and not isinstance(layer, keras.layers.Dense):
            name = torch_layer_name(layer.name, method, layer.name in shifted)
            for suffix, variable in layer_variables(layer).items():
                variables[f"{name}.{suffix}"] = variable
    return variables


def torch_layer_name(name, method, shifted=False):
    """Returns the authors' name of the layer `name` of a backbone."""
    place = name.removesuffix("_temporal")
    in_resnet = IN_RESNET.fullmatch(place)
    if in_resnet is None:
        return place if place == name else f"{method}_{place}"
    stage, block, part = in_resnet.groups()
    if place != name and method == "gst":
        return f"layer{stage}.{block}"  # `layer_variables` names its two convolutions.
    if place != name:
        part = method if part == "conv3" else f"{method}_{part}"
    elif part.startswith("downsample_"):
        part = part.replace("_", ".")
    elif shifted:
        part = f"{part}.net"
    return f"layer{stage}.{block}.{part}"


def with_our_module_names(tensors, path):
    """Returns a checkpoint's tensors with our names for the GSF and GSM modules of its ResNet.

    The names of the module, of its gate and of its normalization may be arbitrary. The module is
    recognized by its tensors: only a gate has a 3x3x3 kernel with two outputs; the normalization
    beside it has moving statistics; and a GSF module has `channel_conv1`, a GSM module does not.

    Args:
        tensors: Dictionary from names without prefixes to tensors with a `shape`.
        path: Path of the checkpoint, for the error.

    Raises:
        CheckpointError: If a module does not have one gate and one normalization, or a block has
            several modules. The message lists the names in the block.
    """
    renamed = {}
    for gate in filter(None, map(IN_BLOCK.fullmatch, tensors)):
        block, module, convolution = gate.groups()
        is_ours = OUR_MODULE.fullmatch(module) and convolution == "conv3D"
        if is_ours or not _is_gate_kernel(tensors[gate[0]].shape):
            continue
        new = _our_module_names(f"{block}.{module}.", tensors)
        others = {renamed.get(name, name) for name in tensors if name not in new}
        if not new or not others.isdisjoint(new.values()):
            listed = "\n  ".join(name for name in tensors if name.startswith(f"{block}."))
            raise CheckpointError(
                f"{path}: A residual block must have one GSF or GSM module, with one 3x3x3 "
                f"convolution with two outputs and one normalization. Received: in {block}\n  "
                f"{listed}\nRename the module to {block}.gsf or {block}.gsm, its parts to conv3D "
                "and bn."
            )
        renamed |= new
    return {renamed.get(name, name): tensor for name, tensor in tensors.items()}


def _our_module_names(start, tensors):
    """Returns a dictionary from a module's names to ours; empty if its parts are ambiguous."""
    names = [name for name in tensors if name.startswith(start)]
    kernels = [name for name in names if _is_gate_kernel(tensors[name].shape)]
    means = [name for name in names if name.endswith(".running_mean")]
    if len(kernels) != 1 or len(means) != 1:
        return {}
    stage, block, module = start.removesuffix(".").split(".", 2)
    if not OUR_MODULE.fullmatch(module):
        module = "gsf" if f"{start}channel_conv1.weight" in names else "gsm"
    ours = f"{stage}.{block}.{module}."
    beginnings = {
        kernels[0].removesuffix("weight"): f"{ours}conv3D.",
        means[0].removesuffix("running_mean"): f"{ours}bn.",
        start: ours,
    }
    new = {}
    for name in names:
        theirs = next(filter(name.startswith, beginnings))
        new[name] = beginnings[theirs] + name.removeprefix(theirs)
    return new


def _is_gate_kernel(shape):
    return len(shape) == 5 and shape[0] == 2 and tuple(shape[2:]) == (3, 3, 3)


def layer_variables(layer):
    """Returns the variables of a layer by the last parts of the authors' names."""
    if isinstance(layer, keras.layers.Conv2D):
        found = {"weight": (layer.kernel, CONVOLUTION_2D), "bias": (layer.bias, VECTOR)}
    elif isinstance(layer, keras.layers.Dense):
        found = {"weight": (layer.kernel, LINEAR), "bias": (layer.bias, VECTOR)}
    elif isinstance(layer, keras.layers.BatchNormalization):
        found = {
            "weight": (layer.gamma, VECTOR),
            "bias": (layer.beta, VECTOR),
            "running_mean": (layer.moving_mean, VECTOR),
            "running_var": (layer.moving_variance, VECTOR),
        }
    elif isinstance(layer, GateShift | GateShiftFuse):
        return _gated_variables(layer)
    elif isinstance(layer, GroupedSpatialTemporal):
        found = {
            "conv2.weight": (layer.spatial_kernel, CONVOLUTION_3D),
            "Tconv.weight": (layer.temporal_kernel, CONVOLUTION_3D),
        }
    else:
        raise CheckpointError(
            "The authors' checkpoints hold convolutions, normalizations, GSF, GSM, GST and linear "
            f"layers. Received: {layer.name!r}, a {type(layer).__name__}. Use a preset of "
            "bninception, inceptionv3 or a resnet."
        )
    return {
        name: TorchVariable(variable, axes)
        for name, (variable, axes) in found.items()
        if variable is not None
    }


def _gated_variables(layer):
    found = {}
    if layer.gate == "learned":
        found["conv3D.weight"] = TorchVariable(layer.gate_kernel, CONVOLUTION_3D)
        found["conv3D.bias"] = TorchVariable(layer.gate_bias, VECTOR)
        for name, variable in layer_variables(layer.normalization).items():
            found[f"bn.{name}"] = variable
    if isinstance(layer, GateShiftFuse) and layer.fusion == "learned":
        pairs = zip(layer.fusion_kernels, layer.fusion_biases, strict=True)
        for half, (kernel, bias) in enumerate(pairs, start=1):
            # The plane is (channel, time) on both sides.
            found[f"channel_conv{half}.weight"] = TorchVariable(kernel, CONVOLUTION_2D)
            found[f"channel_conv{half}.bias"] = TorchVariable(bias, VECTOR)
    return found


def _motion_variables(layer):
    parts = zip(MOTION_NAMES, layer.convolutions, layer.normalizations, strict=True)
    found = {}
    for (conv_name, name), conv, normalization in parts:
        is_depthwise = isinstance(conv, keras.layers.DepthwiseConv2D)
        axes = DEPTHWISE if is_depthwise else CONVOLUTION_2D
        found[f"{conv_name}.weight"] = TorchVariable(conv.kernel, axes)
        for suffix, variable in layer_variables(normalization).items():
            found[f"{name}.{suffix}"] = variable
    return found
