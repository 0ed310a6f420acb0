import torch
from torch import nn

GAINS = {nn.Linear: 1, nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 0.5}
NORMALIZATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def randomize(module, seed):
    """Draws all weights and running statistics so that activations keep their size.

    Tanh and sigmoid in the temporal modules would magnify rounding errors of large activations
    beyond any tolerance. So inputs in 0..255 are scaled down by the first convolution, and a
    residual branch by its last normalization: features would double with every block.

    Args:
        module: Any `nn.Module`; changed in place.
        seed: Integer.

    Returns:
        The module.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(tensor, mean, std):
        tensor.copy_(mean + std * torch.randn(tensor.shape, generator=generator))

    def draw_between(tensor, low, high):
        tensor.copy_(low + (high - low) * torch.rand(tensor.shape, generator=generator))

    with torch.no_grad():
        for part in module.modules():
            if type(part) in GAINS:
                gain = getattr(part, "gain", GAINS[type(part)])
                draw(part.weight, 0, (gain / part.weight[0].numel()) ** 0.5)
                if part.bias is not None:
                    draw(part.bias, 0, 0.1)
            elif isinstance(part, NORMALIZATIONS):
                draw_between(part.weight, 0.8, 1.2)
                draw(part.bias, 0, 0.1)
                draw(part.running_mean, 0, 0.1)
                draw_between(part.running_var, 0.8, 1.2)
                part.num_batches_tracked.fill_(1000)
        for part in module.modules():
            if hasattr(part, "downsample"):
                last = part.bn3 if hasattr(part, "bn3") else part.bn2
                last.weight.mul_(0.3)
            elif hasattr(part, "input_scale"):
                first = next(layer for layer in part.children() if isinstance(layer, nn.Conv2d))
                first.weight.div_(part.input_scale)
    return module
