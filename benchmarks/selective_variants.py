"""The rows of `benchmarks.selective_ablation`: methods and fixed gates."""

from benchmarks.demo_runs import Variant


def fixed_gate(gate):
    """Returns the row of the paper's Table 5 with a fixed gate and a sum as fusion."""
    options = f"--config.model.temporal_options={{'gate': {gate}, 'fusion': 'sum'}}"
    # All channels, as in the paper's BN-Inception.
    flags = ("--config.model.channel_ratio=1.0", options)
    return Variant(f"gate{gate}", "configs/demo.py:gsf_resnet14thin", flags)


VARIANTS = (
    *(Variant(method, f"configs/demo.py:{method}_resnet14thin") for method in ("tsn", "tsm")),
    *(fixed_gate(gate) for gate in (0, 1, -1)),
    *(Variant(method, f"configs/demo.py:{method}_resnet14thin") for method in ("gsm", "gsf")),
    Variant("rubiksnet", "configs/demo_rubiksnet.py:rubiksnet_mini"),
)
