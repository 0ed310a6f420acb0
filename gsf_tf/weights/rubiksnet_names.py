"""The authors' names of RubiksNet's weights.

| ours | theirs |
|---|---|
| `layer1_0_bn1`, `bn_last` | `layer1.0.bn1`, `bn_last` |
| `layer1_0_as3` | `layer1.0.as3.rubiks3d`; with attention `layer1.0.as3` |
| `layer1_0_conv2` | `layer1.0.conv2`; with attention `layer1.0.conv2.1` |
| `layer1_0_conv2_attention` | `layer1.0.conv2.0`: `weight`, and the temperature `T` |
| `layer1_0_shortcut` | `layer1.0.shortcut`, or inside a sequence `layer1.0.shortcut.0` |
| `layer1_0_se_fc1`, `layer1_0_se_fc2` | the two matrices [C / 12, C] and [C, C / 12] of a block |

The first stage may be `layer0` or `layer1`. Names that differ between files are recognized by the
shapes of their tensors.
"""

import dataclasses
import re

from gsf_tf.errors import CheckpointError
from gsf_tf.layers import AttentionShift, IntegerShift, RubiksShift2D, RubiksShift3D
from gsf_tf.weights.rubiksnet_tiers import REDUCTION
from gsf_tf.weights.torch_names import IN_RESNET, LINEAR, TorchVariable, layer_variables
from gsf_tf.weights.torch_tensor import TorchTensor

IN_STAGE = re.compile(r"layer(\d+)\.(\d+)\.(?:bn1|conv2|bn2|as3|conv3)\.")
IN_BLOCK = re.compile(r"(layer\d+\.\d+)\.(?!bn1\.|conv2\.|bn2\.|conv3\.)(.+)\.weight")
SHIFT = re.compile(r"layer\d+\.\d+\.as3\.(rubiks3d\.)?shift")
TEMPERATURE = ".conv2.0.T"
MATRIX = (0, 1)


@dataclasses.dataclass(frozen=True)
class RubiksNetNames:
    """A file's names of those weights of RubiksNet that are named differently in different files.

    Attributes:
        first_stage: Number of the stage with one block.
        shortcut: Name of the shortcut's convolution in a block.
        squeeze: Name of the first matrix of the squeeze-excitation in a block.
        excite: Name of its second matrix.
    """

    first_stage: int = 0
    shortcut: str = "shortcut"
    squeeze: str = "se.fc1"
    excite: str = "se.fc2"

    @classmethod
    def of(cls, tensors):
        """Returns the names in a file; missing and ambiguous ones get the names of new files."""
        stages = {int(match[1]) for match in map(IN_STAGE.match, tensors) if match}
        first = min(stages, default=0)
        in_sequence = stages == set(range(first, first + len(stages)))
        parts = {"shortcut": set(), "squeeze": set(), "excite": set()}
        for name, tensor in tensors.items():
            match = IN_BLOCK.fullmatch(name)
            kind = match and _kind(match[2], tensor.shape, tensors.get(f"{match[1]}.conv3.weight"))
            if kind:
                parts[kind].add(match[2])
        if parts["squeeze"] & parts["excite"]:
            parts["squeeze"], parts["excite"] = set(), set()
        return cls(
            first_stage=first if in_sequence and holds_attention(tensors) is not None else 0,
            **{kind: found.pop() for kind, found in parts.items() if len(found) == 1},
        )

    def variables(self, backbone):
        """Returns the variables of a RubiksNet by these names, as `backbone_variables` does."""
        attention = uses_attention(backbone)
        return {
            f"{self._layer_name(layer.name, attention)}.{suffix}": variable
            for layer in backbone.layers
            if layer.weights
            for suffix, variable in _variables(layer).items()
        }

    def flatten(self, tensors):
        """Returns tensors with our shapes: `[1]` T to scalars, 1x1 convolutions to matrices."""
        matrices = (f".{self.squeeze}.weight", f".{self.excite}.weight")
        flat = dict(tensors)
        for name, tensor in tensors.items():
            if name.endswith(TEMPERATURE) and tensor.shape == (1,):
                flat[name] = _first_axes(tensor, 0)
            elif name.endswith(matrices) and tensor.shape[2:] == (1, 1):
                flat[name] = _first_axes(tensor, 2)
        return flat

    def _layer_name(self, name, attention):
        in_block = IN_RESNET.fullmatch(name)
        if in_block is None:
            return name
        stage, block, part = in_block.groups()
        parts = {
            "conv2": "conv2.1" if attention else "conv2",
            "conv2_attention": "conv2.0",
            "as3": "as3" if attention else "as3.rubiks3d",
            "shortcut": self.shortcut,
            "se_fc1": self.squeeze,
            "se_fc2": self.excite,
        }
        return f"layer{int(stage) + self.first_stage}.{block}.{parts.get(part, part)}"


def is_rubiksnet(backbone):
    """Returns whether a model is a RubiksNet."""
    return _has(backbone, RubiksShift2D)


def uses_attention(backbone):
    """Returns whether attention shifts in time in a RubiksNet.

    Raises:
        CheckpointError: If the network is of a kind that checkpoints cannot hold.
    """
    if _has(backbone, IntegerShift):
        problem, advice = "integer shifts", "Use the model that was passed to `harden`."
    elif not _has(backbone, AttentionShift | RubiksShift3D):
        problem, advice = "shifts in space only", "`gsf_tf.models.inflate` adds shifts in time."
    else:
        return _has(backbone, AttentionShift)
    raise CheckpointError(
        "A checkpoint of RubiksNet must hold shifts in space and time, or in space with attention "
        f"in time. Received: {backbone.name!r}, a RubiksNet with {problem}. {advice}"
    )


def holds_attention(tensors):
    """Returns whether a file's shifts belong to an attention network; None without shifts."""
    kinds = {match[1] is None for match in map(SHIFT.fullmatch, tensors) if match}
    return kinds.pop() if len(kinds) == 1 else None


def _has(backbone, kind):
    return any(isinstance(layer, kind) for layer in backbone.layers)


def _kind(part, shape, conv3):
    """Returns the kind of the weight `part` of a block, by its shape and that of `conv3`."""
    if part.split(".")[0] == "shortcut":
        return "shortcut" if len(shape) == 4 else None
    if conv3 is None or len(conv3.shape) != 4 or shape[2:] not in ((), (1, 1)):
        return None
    channels = conv3.shape[1]
    hidden = channels // REDUCTION
    return {(hidden, channels): "squeeze", (channels, hidden): "excite"}.get(shape[:2])


def _variables(layer):
    if isinstance(layer, RubiksShift2D):
        return {"shift": TorchVariable(layer.shift, MATRIX)}
    if isinstance(layer, AttentionShift):
        return {
            # Saved as `[1]`, which PyTorch loads into a parameter without axes as well.
            "T": TorchVariable(layer.temperature, ()),
            "weight": TorchVariable(layer.attention, LINEAR),
        }
    return layer_variables(layer)


def _first_axes(tensor, count):
    return TorchTensor(tensor.storage, tensor.offset, tensor.shape[:count], tensor.strides[:count])
