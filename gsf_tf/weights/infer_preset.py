import dataclasses
import math
import os
import pathlib
import re
from typing import Any

from gsf_tf.errors import CheckpointError
from gsf_tf.weights.motion_names import has_motion, with_our_motion_names
from gsf_tf.weights.rubiksnet_file import infer_rubiksnet
from gsf_tf.weights.rubiksnet_tiers import RUBIKSNET_TIERS
from gsf_tf.weights.torch_checkpoint import GSF_CONTAINER, TorchCheckpoint, as_torch_checkpoint
from gsf_tf.weights.torch_names import with_our_module_names

# Whether blocks are bottlenecks, their number in each stage, channels of the stem.
RESNETS = {
    (False, (2, 2, 2, 2), 64): "resnet18",
    (False, (3, 4, 6, 3), 64): "resnet34",
    (True, (3, 4, 6, 3), 64): "resnet50",
    (True, (3, 4, 23, 3), 64): "resnet101",
    (True, (1, 1, 1, 1), 16): "resnet14thin",
}
WITH_MOTION = ("resnet50", "resnet14thin")  # The backbones that have presets of MotionSqueeze.
# Columns of the linear layer, by the backbone at the end of a preset's name.
FEATURES = {
    "bninception": 1024,
    "inceptionv3": 2048,
    "resnet18": 512,
    "resnet34": 512,
    "resnet50": 2048,
    "resnet101": 2048,
    "resnet14thin": 512,
    **{
        f"rubiksnet_{tier}": options["width"] * 2 ** (len(options["repeats"]) - 1)
        for tier, options in RUBIKSNET_TIERS.items()
    },
}
# A file that names more frames per clip is not believed.
MAX_SEGMENTS = 1024

IN_RESNET = re.compile(r"layer(\d)\.(\d+)\.")
GATED = re.compile(r"((?:layer\d\.\d+\.)?)(gsf|gsm)(?:_(\w+))?\.bn\.weight")


@dataclasses.dataclass(frozen=True)
class GatedPlace:
    """A GSF or GSM module in a checkpoint.

    Attributes:
        name: Name of the module.
        channels: Number of its channels.
        processed: Number of channels that it gates, shifts and fuses.
    """

    name: str
    channels: int
    processed: int

    def agrees(self, ratio: float) -> bool:
        """Returns whether a layer with `channel_ratio=ratio` processes the same number."""
        number = int(self.channels * ratio)
        return number + number % 2 == self.processed


@dataclasses.dataclass(frozen=True)
class InferredPreset:
    """The arguments of `from_preset` that a checkpoint reveals; unknown ones are `None`.

    Attributes:
        path: Path of the file.
        preset: Name of the preset.
        num_classes: Number of outputs of the linear layer.
        channel_ratio: Share of the channels that GSF or GSM processes; `None` in TSN and TSM.
        num_segments: Frames per clip. The weights do not depend on it, so it is known only if an
            entry of the file or its name (`..._segment8_...`, as the authors' programs name it)
            contains it.
        reason: Why the preset is unknown; "" if it is known.
        places: The GSF or GSM modules, a tuple of `GatedPlace`.
        features: Number of columns of the linear layer, `None` without one.
    """

    path: str
    preset: str | None
    num_classes: int | None
    channel_ratio: float | None
    num_segments: int | None
    reason: str = ""
    places: tuple[GatedPlace, ...] = ()
    features: int | None = None

    def complete(
        self,
        preset: str | None = None,
        num_classes: int | None = None,
        num_segments: int | None = None,
        channel_ratio: float | None = None,
    ) -> dict[str, Any]:
        """Returns the arguments for `from_preset`: those passed here, and inferred ones for None.

        Args:
            preset: Name of the preset, or None.
            num_classes: Number of classes, or None.
            num_segments: Frames per clip, or None. It may differ from that of the training.
            channel_ratio: Share of the channels, in (0, 1], or None.

        Raises:
            CheckpointError: If an argument contradicts the file, or is None and cannot be inferred.
                The message lists all such arguments.
        """
        given = {"preset": preset, "num_classes": num_classes, "num_segments": num_segments}
        problems = []
        arguments = {"channel_ratio": channel_ratio or self.channel_ratio}
        for name, value in given.items():
            known = getattr(self, name)
            if value is None and known is None:
                why = self.reason or "the file does not contain it"
                problems.append(f"{name} must be given: {why}")
            elif None not in (value, known) and value != known and name != "num_segments":
                problems.append(f"{name} is {known} in the file. Received: {value}")
            arguments[name] = known if value is None else value
        expected = _expected_features(arguments["preset"])
        if num_classes is None and self.num_classes and expected not in (None, self.features):
            problems.append(
                f"num_classes must be given: the file's linear layer has {self.features} columns, "
                f"where {arguments['preset']} has {expected} features"
            )
        if channel_ratio is not None:
            problems += [
                f"channel_ratio={channel_ratio} does not process the {place.processed} of "
                f"{place.channels} channels of {place.name}"
                for place in self.places
                if not place.agrees(channel_ratio)
            ][:1]
        elif self.places and self.channel_ratio is None:
            problems.append("channel_ratio must be given: no share explains all modules")
        if problems:
            raise CheckpointError(
                "The arguments of a model must agree with its checkpoint, and those that it does "
                f"not contain must be given. {self.path}:\n  " + "\n  ".join(problems)
            )
        return arguments


def infer_preset(checkpoint: TorchCheckpoint | str | os.PathLike) -> InferredPreset:
    """Infers the preset of a PyTorch checkpoint from the names and shapes of its tensors.

    Args:
        checkpoint: Checkpoint of a method of the papers (`load_torch_checkpoint`), or of a plain
            backbone: a `TorchCheckpoint`, or the path of a file.

    Returns:
        An `InferredPreset`, whose `complete` returns the arguments for `from_preset`.

    Raises:
        CheckpointError: If the file cannot be read safely, or holds no state dictionary.

    Example:

    ```python
    checkpoint = gsf_tf.weights.TorchCheckpoint.read("something-v1_segment8_best.pth.tar")
    found = gsf_tf.weights.infer_preset(checkpoint)
    model = gsf_tf.models.from_preset(**found.complete())
    gsf_tf.weights.load_torch_checkpoint(model, checkpoint)
    ```
    """
    checkpoint = as_torch_checkpoint(checkpoint)
    tensors = with_our_module_names(checkpoint.tensors, checkpoint.path)
    tensors = with_our_motion_names(tensors, checkpoint.path)
    checkpoint = dataclasses.replace(checkpoint, tensors=tensors)
    places = _gated_places(tensors)
    preset, reason = _preset(checkpoint)
    head = tensors[f"{checkpoint.head}.weight"].shape if checkpoint.head else ()
    if len(head) == 3 and head[2] == 1:  # A convolution over one position.
        head = head[:2]
    num_classes, features = head if len(head) == 2 and math.prod(head) else (None, None)
    return InferredPreset(
        path=checkpoint.path,
        preset=preset,
        num_classes=num_classes,
        channel_ratio=_channel_ratio(places),
        num_segments=_num_segments(checkpoint),
        reason=reason,
        places=places,
        features=features,
    )


def _expected_features(preset):
    """Returns the number of features of a preset's backbone, None if it is another one's."""
    plain = (preset or "").removesuffix("_aq").removesuffix("_ms")
    ends = (name for name in FEATURES if plain.endswith(name))
    return FEATURES.get(next(ends, None))


def _preset(checkpoint):
    """Returns the preset and "", or None and the reason why it is unknown."""
    rubiksnet = infer_rubiksnet(checkpoint)
    if rubiksnet:
        return rubiksnet
    tensors = checkpoint.tensors
    backbone = _backbone(tensors)
    if backbone is None:
        return None, "the file's layers are those of no preset's backbone"
    if any(name.endswith(".Tconv.weight") for name in tensors):
        return _grouped_preset(tensors, backbone)
    methods = {match[2] for match in map(GATED.fullmatch, tensors) if match}
    if len(methods) > 1:
        return None, "the file has modules of GSF and of GSM"
    if has_motion(tensors):
        method = next(iter(methods), "tsm")  # The program of MotionSqueeze always shifts.
        if method == "gsm" or backbone not in WITH_MOTION:
            return None, (
                f"the file has MotionSqueeze in {method} on {backbone}; there are presets of TSM "
                f"and GSF with it on {' and '.join(WITH_MOTION)}"
            )
        return f"{method}_{backbone}_ms", ""
    if methods:
        return f"{methods.pop()}_{backbone}", ""
    if any(".net." in name for name in tensors):
        return f"tsm_{backbone}", ""
    # TSM's shift has no weights. In a ResNet it can be recognized by `.net` in the names, in other
    # backbones not at all; but GSF's program has no TSM.
    is_plain = checkpoint.is_bare or checkpoint.container == GSF_CONTAINER
    if is_plain or backbone.startswith("resnet"):
        return f"tsn_{backbone}", ""
    return None, f"tsn_{backbone} or tsm_{backbone}, whose weights have the same names"


def _backbone(tensors):
    if "conv1_7x7_s2.weight" in tensors:
        return "bninception"
    if "mixed_conv_Conv2D.weight" in tensors:
        return "inceptionv3"
    if "conv1.weight" not in tensors or "layer1.0.conv2.weight" not in tensors:
        return None
    blocks = {match.groups() for match in map(IN_RESNET.match, tensors) if match}
    repeats = tuple(sum(stage == str(i) for stage, _ in blocks) for i in (1, 2, 3, 4))
    is_deep = "layer1.0.conv3.weight" in tensors
    return RESNETS.get((is_deep, repeats, *tensors["conv1.weight"].shape[:1]))


def _grouped_preset(tensors, backbone):
    """Returns the preset of GST and "", or None and a reason; by the shapes of its first block."""
    names = ("layer1.0.bn1.weight", "layer1.0.conv2.weight", "layer1.0.Tconv.weight")
    shapes = [tensors[name].shape if name in tensors else () for name in names]
    if list(map(len, shapes)) != [1, 5, 5]:
        return (
            None,
            f"GST must have {', '.join(names)}, a vector and two kernels of 3D convolutions",
        )
    (planes,), spatial, temporal = shapes
    methods = {planes // 2: "gst", planes: "gst_large"}
    if 4 * temporal[0] != planes or spatial[1] not in methods or spatial[1] != temporal[1]:
        return None, (
            "GST must take a quarter of its outputs from the 3x3x3 convolution (alpha 4), which "
            "like the other one reads half or all of the inputs (beta 2 or 1); the file has "
            f"{planes} planes, {names[1]} {list(spatial)} and {names[2]} {list(temporal)}"
        )
    return f"{methods[spatial[1]]}_{backbone}", ""


def _gated_places(tensors):
    places = []
    for name, tensor in tensors.items():
        match = GATED.fullmatch(name)
        if match is None:
            continue
        block, _, layer = match.groups()
        convolution = tensors.get(f"{block}{layer or 'conv3'}.weight")
        if convolution is not None and any(convolution.shape[:1]) and tensor.shape:
            module = name.removesuffix(".bn.weight")
            places.append(GatedPlace(module, convolution.shape[0], tensor.shape[-1]))
    return tuple(places)


def _channel_ratio(places):
    """Returns the simplest share with which every module processes its number of channels.

    A range of shares leads to the same `int(C * ratio)`, plus one if that is odd.
    """
    if not places:
        return None
    low = max((place.processed - 1) / place.channels for place in places)
    exact = {place.processed / place.channels for place in places}
    rounded = (math.ceil(low * 10**digits) / 10**digits for digits in range(1, 6))
    for ratio in (*exact, *rounded) if len(exact) == 1 else rounded:
        if 0 < ratio <= 1 and all(place.agrees(ratio) for place in places):
            return ratio
    return None


def _num_segments(checkpoint):
    for name in ("num_segments", "num_frames"):
        value = checkpoint.metadata.get(name)
        if type(value) is int and 0 < value <= MAX_SEGMENTS:
            return value
    in_name = re.search(r"seg(?:ment)?_?(\d{1,4})(?!\d)", pathlib.Path(checkpoint.path).name)
    value = int(in_name[1]) if in_name else 0
    return value if 0 < value <= MAX_SEGMENTS else None
