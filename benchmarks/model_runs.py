"""What `benchmarks.model_speed` times, in which order, and the goals: data."""

import dataclasses

from benchmarks.runtimes.model_run import ModelRun
from benchmarks.speed_goal import SpeedGoal

RUNTIMES = ("tensorflow", "pytorch", "onnxruntime", "openvino")
PRESETS = (
    *(f"{method}_resnet50" for method in ("tsn", "tsm", "gsm", "gsf")),
    "gsf_resnet50_ms",
    *("rubiksnet_tiny", "rubiksnet_large"),
    *(f"{method}_bninception" for method in ("tsn", "tsm", "gsm", "gsf")),
)
# Presets that other runtimes have, too. RubiksNet's twin is made for tests: a gather per corner.
TWINS = ("tsm_resnet50", "gsf_resnet50")
FORMS = {"pytorch": ("eager", "compile"), "onnxruntime": ("onnx",), "openvino": ("onnx",)}
# The reference path is timed where a layer of its own is what the model is about.
REFERENCE = ("gsf_resnet50", "rubiksnet_large")


@dataclasses.dataclass(frozen=True)
class ModelGoal(SpeedGoal):
    """A goal of the models.

    Attributes:
        mode: "inference", "training" or "both".
        batch: The number of clips that it is for, or None for every one.
    """

    mode: str = "inference"
    batch: int | None = None

    def applies_to(self, group):
        """Whether the runs of a `RunGroup` are those that the goal speaks of."""
        return self.mode in (group.mode, "both") and self.batch in (group.batch, None)


def _goal(text, candidate, rivals, limit, form="frozen", mode="inference", batch=None):
    return ModelGoal(
        text,
        f"{candidate} tensorflow {form}",
        tuple(rival if " " in rival else f"{rival} tensorflow {form}" for rival in rivals),
        limit,
        mode,
        batch,
    )


GOALS = [
    _goal("GSF-ResNet50 / TSN-ResNet50", "gsf_resnet50", ["tsn_resnet50"], 1.05),
    _goal("GSF-ResNet50+MS / GSF-ResNet50", "gsf_resnet50_ms", ["gsf_resnet50"], 1.10),
    _goal("GSF-BNInception / TSN-BNInception", "gsf_bninception", ["tsn_bninception"], 1.05),
    _goal(
        "GSF-ResNet50 / TSN-ResNet50", "gsf_resnet50", ["tsn_resnet50"], 1.10, "step", "training"
    ),
    _goal(
        "GSF-BNInception / TSN-BNInception",
        "gsf_bninception",
        ["tsn_bninception"],
        1.10,
        "step",
        "training",
    ),
    _goal("RubiksNet-Large / TSM-ResNet50", "rubiksnet_large", ["tsm_resnet50"], 0.75),
    _goal("RubiksNet-Tiny / TSM-ResNet50", "rubiksnet_tiny", ["tsm_resnet50"], 0.20),
    _goal(
        "GSF-ResNet50 / best of torch.compile, ONNX Runtime, OpenVINO",
        "gsf_resnet50",
        [
            "gsf_resnet50 pytorch compile",
            "gsf_resnet50 onnxruntime onnx",
            "gsf_resnet50 openvino onnx",
        ],
        0.60,
    ),
    _goal(
        "GSF-ResNet50 / eager PyTorch",
        "gsf_resnet50",
        ["gsf_resnet50 pytorch eager"],
        1 / 1.5,
        "step",
        "training",
    ),
    # The trainer's own goal, beside the one for every number of clips.
    _goal(
        "GSF-ResNet50 / eager PyTorch, 2 clips",
        "gsf_resnet50",
        ["gsf_resnet50 pytorch eager"],
        1 / 1.3,
        "step",
        "training",
        batch=2,
    ),
]


@dataclasses.dataclass(frozen=True)
class RunGroup:
    """Runs that take turns: one family of backbones, one pass, one number of clips."""

    mode: str
    batch: int
    rounds: int
    runs: tuple


def make_groups(presets, runtimes, quick):
    """Returns the groups of the runs of some presets and runtimes.

    Rounds are fewer where a round takes long: the time is that of the groups together.
    """
    rounds = {
        ("inference", 1): 9,
        ("inference", 4): 3,
        ("training", 1): 5,
        ("training", 2): 3,
        ("training", 4): 2,
    }
    if quick:
        rounds = {("inference", 1): 2, ("training", 1): 2}
    inception = tuple(preset for preset in presets if preset.endswith("bninception"))
    others = tuple(preset for preset in presets if preset not in inception)
    groups = []
    for family in (others, inception):
        for (mode, batch), number in rounds.items():
            runs = [
                run
                for preset in family
                for run in _runs(preset, mode, batch, quick)
                if run.runtime in runtimes
            ]
            if runs:
                groups.append(RunGroup(mode, batch, number, tuple(runs)))
    return groups


def _runs(preset, mode, batch, quick):
    if batch == 2 and preset != "gsf_resnet50":
        return  # Only one goal is for two clips.
    if mode == "training":
        yield ModelRun("tensorflow", "step", preset, mode, batch)
    else:
        yield ModelRun("tensorflow", "function", preset, mode, batch)
        yield ModelRun("tensorflow", "frozen", preset, mode, batch)
        if preset in REFERENCE and batch == 1:
            yield ModelRun("tensorflow", "frozen reference", preset, mode, batch)
    if preset not in TWINS or (batch > 1 and preset != "gsf_resnet50"):
        return
    for runtime, forms in FORMS.items():
        for form in forms:
            # A graph is compiled for one shape, in a minute or more; training takes twice that.
            slow_to_compile = form == "compile" and (batch > 1 or quick or mode == "training")
            if not slow_to_compile and (mode == "inference" or form == "eager"):
                yield ModelRun(runtime, form, preset, mode, batch)
