"""What the flags of `gsf-tf analyze` say; it imports nothing slow."""

import dataclasses

from . import cli

PARTS = (
    "training",
    "trade_off",
    "gains",
    "errors",
    "orders",
    "gates",
    "shifts",
    "saliency",
    "features",
)


@dataclasses.dataclass(frozen=True)
class AnalysisOptions:
    """The choices of a report.

    Attributes:
        output: Folder of the report.
        parts: Names of its parts, some of `PARTS`.
        compare: Files of scores, the baseline first; empty to compare the models.
        clips: Number of clips of the part saliency.
        layer: Layer of Grad-CAM, or None for the last temporal one.
        groups: File of groups of classes, or None.
        compared: What was read of `compare`: `Scores` by short names.
        class_groups: What was read of `groups`: the group of each class, or None.
    """

    output: str
    parts: tuple[str, ...]
    compare: tuple[str, ...]
    clips: int
    layer: str | None
    groups: str | None
    compared: dict = dataclasses.field(default_factory=dict)
    class_groups: list[str] | None = None


def chosen_parts(parts, skip):
    """Returns the parts that two flags leave, in the order of the report.

    Raises:
        FlagError: If a name is no part, or none is left.
    """
    for flag, names in (("--parts", parts), ("--skip", skip)):
        for name in names:
            if name not in PARTS:
                raise cli.FlagError(
                    f"{flag} must name parts of the report: {', '.join(PARTS)}. Received: {name}."
                    f"{cli.did_you_mean(name, PARTS)}"
                )
    left = tuple(name for name in PARTS if name in (parts or PARTS) and name not in skip)
    if not left:
        raise cli.FlagError("A report must have a part. Received: --skip with all of --parts.")
    return left
