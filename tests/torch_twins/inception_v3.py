"""InceptionV3, converted from Caffe, with the temporal modules in its branches."""

import torch

from tests.torch_twins.caffe_network import CaffeNetwork, ceil_max_pool, same_size_pool

# A block per line: name, input channels, towers separated by |. A tower is its name and its
# convolutions as <height>x<width>:<channels>, numbered from none: conv, conv_1, ...; `s` is for
# stride 2 without padding, and {} holds two convolutions side by side, called mixed_conv and
# mixed_conv_1. The tower without a name comes first, `halve` is the pooling with stride 2.
BLOCKS = """
mixed    192  - 1x1:64  | tower 1x1:48 5x5:64 | tower_1 1x1:64 3x3:96 3x3:96 | tower_2 avg 1x1:32
mixed_1  256  - 1x1:64  | tower 1x1:48 5x5:64 | tower_1 1x1:64 3x3:96 3x3:96 | tower_2 avg 1x1:64
mixed_2  288  - 1x1:64  | tower 1x1:48 5x5:64 | tower_1 1x1:64 3x3:96 3x3:96 | tower_2 avg 1x1:64
mixed_3  288  - 3x3:384s | tower 1x1:64 3x3:96 3x3:96s | halve
mixed_4  768  - 1x1:192 | tower 1x1:128 7x1:128 1x7:192 | tower_1 1x1:128 1x7:128 7x1:128 1x7:128 7x1:192 | tower_2 avg 1x1:192
mixed_5  768  - 1x1:192 | tower 1x1:160 7x1:160 1x7:192 | tower_1 1x1:160 1x7:160 7x1:160 1x7:160 7x1:192 | tower_2 avg 1x1:192
mixed_6  768  - 1x1:192 | tower 1x1:160 7x1:160 1x7:192 | tower_1 1x1:160 1x7:160 7x1:160 1x7:160 7x1:192 | tower_2 avg 1x1:192
mixed_7  768  - 1x1:192 | tower 1x1:192 7x1:192 1x7:192 | tower_1 1x1:192 1x7:192 7x1:192 1x7:192 7x1:192 | tower_2 avg 1x1:192
mixed_8  768  tower 1x1:192 3x3:320s | tower_1 1x1:192 7x1:192 1x7:192 3x3:192s | halve
mixed_9  1280 - 1x1:320 | tower 1x1:384 {3x1:384 1x3:384} | tower_1 1x1:448 3x3:384 {3x1:384 1x3:384} | tower_2 avg 1x1:192
mixed_10 2048 - 1x1:320 | tower 1x1:384 {3x1:384 1x3:384} | tower_1 1x1:448 3x3:384 {3x1:384 1x3:384} | tower_2 max 1x1:192
"""  # noqa: E501

GSF_PLACES = [f"mixed{i}_conv_Conv2D" for i in ["", *(f"_{n}" for n in range(1, 8)), "_9", "_10"]]
GSF_PLACES.append("mixed_8_tower_conv_Conv2D")
GSM_PLACES = [p for p in GSF_PLACES if p not in ("mixed_3_conv_Conv2D", "mixed_6_conv_Conv2D")]
GSM_PLACES.append("mixed_3_tower_conv_Conv2D")


class InceptionV3(CaffeNetwork):
    """`[B * T, 3, H, W]` to feature maps."""

    out_channels = 2048

    def __init__(self, method, num_segments, ratio):
        places = GSM_PLACES if method == "gsm" else GSF_PLACES
        super().__init__(method, places, num_segments, ratio)
        self._add("conv", 3, 32, 3, 2, 0)
        self._add("conv_1", 32, 32, 3, 1, 0)
        self._add("conv_2", 32, 64, 3, 1, 1)
        self._add("conv_3", 64, 80, 1, 1, 0)
        self._add("conv_4", 80, 192, 3, 1, 0)
        self.blocks = []
        for line in BLOCKS.strip().splitlines():
            block, channels, rest = line.split(maxsplit=2)
            self.blocks.append(
                [self._add_tower(block, int(channels), tower.split()) for tower in rest.split("|")]
            )

    def _add(self, name, channels, filters, kernel, stride, padding):
        return self.add_unit(
            f"{name}_Conv2D", f"{name}_batchnorm", channels, filters, kernel, stride, padding
        )

    def _add_tower(self, block, channels, words):
        """Registers a tower and returns its steps: a pooling, a unit, or a pair of units."""
        if words == ["halve"]:
            return ["halve"]
        tower, *words = words
        prefix = block if tower == "-" else f"{block}_{tower}"
        steps, count, pair = [], 0, None
        for word in words:
            if word in ("avg", "max"):
                steps.append(word)
                continue
            if word.startswith("{"):
                pair = []
                steps.append(pair)
            kernel, filters = word.strip("{}").split(":")
            height, width = map(int, kernel.split("x"))
            stride = 2 if filters.endswith("s") else 1
            padding = (0, 0) if stride == 2 else (height // 2, width // 2)
            kind, index = ("conv", count) if pair is None else ("mixed_conv", len(pair))
            name = f"{prefix}_{kind}" + (f"_{index}" if index else "")
            size = (height, width)
            added = self._add(name, channels, int(filters.rstrip("s")), size, stride, padding)
            if pair is None:
                channels = added
                count += 1
                steps.append(name)
            else:
                pair.append(name)
        return steps

    def _run_tower(self, x, steps):
        for step in steps:
            if step == "halve":
                x = ceil_max_pool(x)
            elif step in ("avg", "max"):
                x = same_size_pool(x, step)
            elif isinstance(step, list):
                x = torch.cat([self.run_unit(f"{name}_Conv2D", x) for name in step], 1)
            else:
                x = self.run_unit(f"{step}_Conv2D", x)
        return x

    def forward(self, x):
        for name in ("conv", "conv_1", "conv_2"):
            x = self.run_unit(f"{name}_Conv2D", x)
        x = ceil_max_pool(x)
        for name in ("conv_3", "conv_4"):
            x = self.run_unit(f"{name}_Conv2D", x)
        x = ceil_max_pool(x)
        for towers in self.blocks:
            x = torch.cat([self._run_tower(x, steps) for steps in towers], 1)
        return x
