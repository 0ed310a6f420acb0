"""BN-Inception, converted from Caffe, with the temporal modules in its branches."""

import torch

from tests.torch_twins.caffe_network import CaffeNetwork, ceil_max_pool, same_size_pool

# The digits of a block's name, its input channels, and then for each branch the convolutions
# as suffix:channels, `s` for stride 2.
BLOCKS = """
3a  192 1x1:64  3x3_reduce:64  3x3:64   double_3x3_reduce:64  double_3x3_1:96  double_3x3_2:96  avg pool_proj:32
3b  256 1x1:64  3x3_reduce:64  3x3:96   double_3x3_reduce:64  double_3x3_1:96  double_3x3_2:96  avg pool_proj:64
3c  320 3x3_reduce:128 3x3:160s double_3x3_reduce:64  double_3x3_1:96  double_3x3_2:96s
4a  576 1x1:224 3x3_reduce:64  3x3:96   double_3x3_reduce:96  double_3x3_1:128 double_3x3_2:128 avg pool_proj:128
4b  576 1x1:192 3x3_reduce:96  3x3:128  double_3x3_reduce:96  double_3x3_1:128 double_3x3_2:128 avg pool_proj:128
4c  576 1x1:160 3x3_reduce:128 3x3:160  double_3x3_reduce:128 double_3x3_1:160 double_3x3_2:160 avg pool_proj:128
4d  608 1x1:96  3x3_reduce:128 3x3:192  double_3x3_reduce:160 double_3x3_1:192 double_3x3_2:192 avg pool_proj:128
4e  608 3x3_reduce:128 3x3:192s double_3x3_reduce:192 double_3x3_1:256 double_3x3_2:256s
5a 1056 1x1:352 3x3_reduce:192 3x3:320  double_3x3_reduce:160 double_3x3_1:224 double_3x3_2:224 avg pool_proj:128
5b 1024 1x1:352 3x3_reduce:192 3x3:320  double_3x3_reduce:192 double_3x3_1:224 double_3x3_2:224 max pool_proj:128
"""  # noqa: E501

PLACES = [
    "inception_3a_1x1",
    "inception_3b_1x1",
    "inception_3c_3x3_reduce",
    "inception_4a_1x1",
    "inception_4b_1x1",
    "inception_4c_1x1",
    "inception_4d_1x1",
    "inception_4e_3x3_reduce",
    "inception_5a_1x1",
    "inception_5b_1x1",
]


class BNInception(CaffeNetwork):
    """`[B * T, 3, H, W]` to feature maps."""

    out_channels = 1024

    def __init__(self, method, num_segments, ratio):
        super().__init__(method, PLACES, num_segments, ratio)
        self._add("conv1_7x7_s2", 3, 64, 7, 2)
        self._add("conv2_3x3_reduce", 64, 64, 1)
        self._add("conv2_3x3", 64, 192, 3)
        self.blocks = {}
        for line in BLOCKS.strip().splitlines():
            digits, channels, *layers = line.split()
            block = f"inception_{digits}"
            self.blocks[block] = "max" if "max" in layers else "avg" if "avg" in layers else None
            reduced = None
            for layer in layers:
                if layer in ("avg", "max"):
                    continue
                suffix, filters = layer.split(":")
                stride = 2 if filters.endswith("s") else 1
                starts_branch = suffix in ("1x1", "pool_proj") or suffix.endswith("reduce")
                reduced = self._add(
                    f"{block}_{suffix}",
                    int(channels) if starts_branch else reduced,
                    int(filters.rstrip("s")),
                    1 if starts_branch else 3,
                    stride,
                )

    def _add(self, conv, channels, filters, kernel, stride=1):
        return self.add_unit(conv, f"{conv}_bn", channels, filters, kernel, stride, kernel // 2)

    def forward(self, x):
        x = ceil_max_pool(self.run_unit("conv1_7x7_s2", x))
        x = self.run_unit("conv2_3x3", self.run_unit("conv2_3x3_reduce", x))
        x = ceil_max_pool(x)
        for block, pool in self.blocks.items():
            branches = [] if pool is None else [self.run_unit(f"{block}_1x1", x)]
            y = self.run_unit(f"{block}_3x3_reduce", x)
            branches.append(self.run_unit(f"{block}_3x3", y))
            y = self.run_unit(f"{block}_double_3x3_reduce", x)
            y = self.run_unit(f"{block}_double_3x3_1", y)
            branches.append(self.run_unit(f"{block}_double_3x3_2", y))
            if pool is None:
                branches.append(ceil_max_pool(x))
            else:
                branches.append(self.run_unit(f"{block}_pool_proj", same_size_pool(x, pool)))
            x = torch.cat(branches, 1)
        return x
