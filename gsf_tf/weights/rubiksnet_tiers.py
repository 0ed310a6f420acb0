"""The sizes of RubiksNet, by which presets are built and checkpoints are recognized."""

# Repeats of stages 1 to 4, width of the stem. Tiny has Small's depth and is thinner; Small alone
# has squeeze-excitation. Table 1 of the RubiksNet paper has their parameters and FLOPs.
RUBIKSNET_TIERS = {
    "tiny": {"repeats": (3, 4, 6, 3), "width": 54},
    "small": {"repeats": (3, 4, 6, 3), "width": 72, "squeeze_excitation": True},
    "medium": {"repeats": (3, 4, 23, 3), "width": 72},
    "large": {"repeats": (3, 8, 36, 3), "width": 72},
    # Not from the authors: for small frames, small data and trials. 64 pixels become 4 x 4 maps.
    "mini": {"repeats": (2, 2, 2), "width": 32},
}

# The hidden layer of a squeeze-excitation has a twelfth of the channels.
REDUCTION = 12
