import dataclasses
import math
import pathlib
import re

from gsf_tf.errors import CheckpointError
from gsf_tf.weights.rubiksnet_file import infer_rubiksnet
from gsf_tf.weights.torch_checkpoint import GSF_CONTAINER, as_torch_checkpoint
from gsf_tf.weights.torch_names import with_our_module_names

# Blocks of each stage and channels of the stem, for bottleneck blocks.
RESNETS = {
    ((3, 4, 6, 3), 64): "resnet50",
    ((3, 4, 23, 3), 64): "resnet101",
    ((1, 1, 1, 1), 16): "resnet14thin",
}
IN_RESNET = re.compile(r"layer(\d)\.(\d+)\.")
GATED = re.compile(r"((?:layer\d\.\d+\.)?)(gsf|gsm)(?:_(\w+))?\.bn\.weight")


@dataclasses.dataclass(frozen=True)
class GatedPlace:
    """A GSF or GSM module: how many of its channels it processes."""

    name: str
    channels: int
    processed: int

    def agrees(self, ratio):
        """Whether a layer with this share of the channels would process as many."""
        number = int(self.channels * ratio)
        return number + number % 2 == self.processed


@dataclasses.dataclass(frozen=True)
class InferredPreset:
    """What a checkpoint says about the model it belongs to; `None` is unknown.

    Attributes:
        path: The file.
        preset: Name of the preset.
        num_classes: Outputs of the linear layer.
        channel_ratio: Share of the channels that GSF or GSM processes; `None` in TSN and TSM.
        num_segments: Frames per clip. Weights do not depend on it, so it is known only if the
            file or its name (`..._segment8_...`, as the authors' programs call it) says so.
        reason: Why the preset is unknown, if it is.
        places: The GSF or GSM modules.
    """

    path: str
    preset: str | None
    num_classes: int | None
    channel_ratio: float | None
    num_segments: int | None
    reason: str = ""
    places: tuple = ()

    def complete(self, preset=None, num_classes=None, num_segments=None, channel_ratio=None):
        """Returns the arguments for `from_preset`: what is given, and else what is inferred.

        Args:
            preset: Name of the preset, or None.
            num_classes: Number of classes, or None.
            num_segments: Frames per clip, or None; it may differ from the training's.
            channel_ratio: Share of the channels, or None.

        Raises:
            CheckpointError: If what is given contradicts the file, or something is neither given
                nor known; all such arguments are listed.
        """
        given = {"preset": preset, "num_classes": num_classes, "num_segments": num_segments}
        problems = []
        arguments = {"channel_ratio": channel_ratio or self.channel_ratio}
        for name, value in given.items():
            known = getattr(self, name)
            if value is None and known is None:
                problems.append(f"{name} must be given: {self.reason or 'the file does not say'}")
            elif None not in (value, known) and value != known and name != "num_segments":
                problems.append(f"{name} is {known} in the file. Received: {value}")
            arguments[name] = known if value is None else value
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
                "A model is built with what its checkpoint says and, where that is silent, with "
                f"what is given. {self.path}:\n  " + "\n  ".join(problems)
            )
        return arguments


def infer_preset(checkpoint):
    """Infers from names and shapes which preset a PyTorch checkpoint belongs to.

    Args:
        checkpoint: Checkpoint of GSF, GSM, TSM, TSN or RubiksNet, or of a plain backbone: a
            `TorchCheckpoint`, or the path of a file.

    Returns:
        An `InferredPreset`.

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
    checkpoint = dataclasses.replace(checkpoint, tensors=tensors)
    places = _gated_places(tensors)
    preset, reason = _preset(checkpoint)
    head = tensors[f"{checkpoint.head}.weight"].shape if checkpoint.head else ()
    return InferredPreset(
        path=checkpoint.path,
        preset=preset,
        num_classes=head[0] if head else None,
        channel_ratio=_channel_ratio(places),
        num_segments=_num_segments(checkpoint),
        reason=reason,
        places=places,
    )


def _preset(checkpoint):
    """Returns the preset and "", or None and why it is unknown."""
    rubiksnet = infer_rubiksnet(checkpoint)
    if rubiksnet:
        return rubiksnet
    tensors = checkpoint.tensors
    backbone = _backbone(tensors)
    if backbone is None:
        return None, "the file's layers are those of no preset's backbone"
    methods = {match[2] for match in map(GATED.fullmatch, tensors) if match}
    if len(methods) > 1:
        return None, "the file has modules of GSF and of GSM"
    if methods:
        return f"{methods.pop()}_{backbone}", ""
    if any(".net." in name for name in tensors):
        return f"tsm_{backbone}", ""
    # A shift has no weights. It leaves `.net` in the names of a ResNet and nothing elsewhere, but
    # GSF's program has no TSM.
    is_plain = checkpoint.is_bare or checkpoint.container == GSF_CONTAINER
    if is_plain or backbone.startswith("resnet"):
        return f"tsn_{backbone}", ""
    return None, f"tsn_{backbone} or tsm_{backbone}, whose weights have the same names"


def _backbone(tensors):
    if "conv1_7x7_s2.weight" in tensors:
        return "bninception"
    if "mixed_conv_Conv2D.weight" in tensors:
        return "inceptionv3"
    if "conv1.weight" not in tensors or "layer1.0.conv3.weight" not in tensors:
        return None
    blocks = {match.groups() for match in map(IN_RESNET.match, tensors) if match}
    repeats = tuple(sum(stage == str(i) for stage, _ in blocks) for i in (1, 2, 3, 4))
    return RESNETS.get((repeats, *tensors["conv1.weight"].shape[:1]))


def _gated_places(tensors):
    places = []
    for name, tensor in tensors.items():
        match = GATED.fullmatch(name)
        if match is None:
            continue
        block, _, layer = match.groups()
        convolution = tensors.get(f"{block}{layer or 'conv3'}.weight")
        if convolution is not None and convolution.shape and tensor.shape:
            module = name.removesuffix(".bn.weight")
            places.append(GatedPlace(module, convolution.shape[0], tensor.shape[-1]))
    return tuple(places)


def _channel_ratio(places):
    """The simplest share that makes every module process as many channels as it does.

    `int(C * ratio)`, one more if that is odd, is the same number for a whole range of shares.
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
        if isinstance(checkpoint.metadata.get(name), int):
            return checkpoint.metadata[name]
    in_name = re.search(r"seg(?:ment)?_?(\d+)", pathlib.Path(checkpoint.path).name)
    return int(in_name[1]) if in_name else None
