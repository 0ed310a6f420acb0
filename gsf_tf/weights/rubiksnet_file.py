"""The entries of a RubiksNet checkpoint beside the weights: tier, classes, frames and variant."""

import collections

from gsf_tf.errors import CheckpointError
from gsf_tf.layers import RubiksShift2D
from gsf_tf.weights.rubiksnet_names import (
    IN_STAGE,
    RubiksNetNames,
    holds_attention,
    uses_attention,
)
from gsf_tf.weights.rubiksnet_tiers import RUBIKSNET_TIERS

# Names of the variants, by whether attention shifts in time.
VARIANTS = {False: "rubiks3d", True: "rubiks3d-aq"}


def fit_to_rubiksnet(backbone, tensors, path):
    """Matches the variables of a RubiksNet with the names that a file has for them.

    Args:
        backbone: RubiksNet with shifts in time.
        tensors: Dictionary from names to `TorchTensor`.
        path: Path of the file, for the error.

    Returns:
        A pair: the backbone's variables by the names of the file, and the tensors in the shapes of
        the variables.

    Raises:
        CheckpointError: If the backbone is hardened or an image network, or the file has the other
            variant.
    """
    attention = uses_attention(backbone)
    theirs = holds_attention(tensors)
    if theirs is not None and theirs != attention:
        raise CheckpointError(
            "A checkpoint of RubiksNet only fits a model of its variant. Received: weights of "
            f"{VARIANTS[theirs]} in {path}, for {backbone.name!r}, which is {VARIANTS[attention]}; "
            "nothing was loaded. The presets rubiksnet_*_aq are rubiks3d-aq, the others rubiks3d."
        )
    names = RubiksNetNames.of(tensors)
    return names.variables(backbone), names.flatten(tensors)


def rubiksnet_entries(model, variables):
    """Returns the entries of the authors' files beside the weights, as a dictionary.

    Args:
        model: `SegmentModel` of a RubiksNet.
        variables: Variables of its backbone, by the names `RubiksNetNames()`.

    Raises:
        CheckpointError: If the model has an unpublished size, or shifts that such a file cannot
            describe.
    """
    attention = uses_attention(model.backbone)
    if any(
        isinstance(layer, RubiksShift2D) and layer.mode == "quantized"
        for layer in model.backbone.layers
    ):
        raise CheckpointError(
            "A checkpoint of RubiksNet cannot hold quantized shifts, because it has no entry for "
            f"the rounding. Received: {model.name!r} with quantized shifts. Save "
            "gsf_tf.models.harden(model).model, whose shifts are rounded."
        )
    tier = _tier(variables, RubiksNetNames())
    if tier is None:
        raise CheckpointError(
            f"A checkpoint of RubiksNet names its tier, one of {', '.join(RUBIKSNET_TIERS)}. "
            f"Received: {model.name!r}, whose repeats, width and squeeze-excitation belong to none "
            "of them. Use `model.save`, which saves any model."
        )
    return {
        "tier": tier,
        "num_classes": model.num_classes,
        "num_frames": model.num_segments,
        "variant": VARIANTS[attention],
    }


def infer_rubiksnet(checkpoint):
    """Returns the preset and "", or None and why it is unknown; None for another network's file."""
    tensors = checkpoint.tensors
    attention = holds_attention(tensors)
    if attention is None:
        return None
    tier = _tier(tensors, RubiksNetNames.of(tensors))
    if tier is None:
        return None, "the file's layers belong to no tier of RubiksNet"
    found = {"tier": tier, "variant": VARIANTS[attention]}
    head = tensors[f"{checkpoint.head}.weight"].shape if checkpoint.head else ()
    if len(head) == 2:
        found["num_classes"] = head[0]
    for name, value in found.items():
        said = checkpoint.metadata.get(name, value)
        if said != value:
            return None, f"the file has the entry {name}={said!r:.80}, but weights of {value!r}"
    return f"rubiksnet_{tier}{'_aq' if attention else ''}", ""


def _tier(weights, names):
    """Returns the tier with the repeats, width and squeeze-excitation of the weights, or None."""
    blocks = {match.groups() for match in map(IN_STAGE.match, weights) if match}
    counts = collections.Counter(int(stage) - names.first_stage for stage, _ in blocks)
    has_squeeze = any(name.endswith(f".{names.squeeze}.weight") for name in weights)
    stem = weights.get("conv1.weight")
    for tier, options in RUBIKSNET_TIERS.items():
        if (
            counts == dict(enumerate([1, *options["repeats"]]))
            and stem is not None
            and stem.shape[:1] == (options["width"],)
            and has_squeeze == options.get("squeeze_excitation", False)
        ):
            return tier
    return None
