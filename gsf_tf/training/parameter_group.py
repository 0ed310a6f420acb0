import dataclasses
import math
import numbers
import re


@dataclasses.dataclass(frozen=True)
class ParameterGroup:
    """Variables for which `CoupledSGD` has a learning rate or a decay of their own.

    Args:
        pattern: Regular expression that is searched for in the `path` of a variable, such as
            `"layer1_0_bn1/gamma"`. The first group that matches applies; without a match, both
            multipliers are 1.
        learning_rate: Multiplier of the learning rate, >= 0.
        l2: Multiplier of the decay, >= 0.

    Raises:
        ValueError: If an argument breaks these rules.

    Example:

    ```python
    biases = ParameterGroup(r"/bias$", learning_rate=2.0, l2=0.0)
    optimizer = CoupledSGD(0.01, l2=5e-4, groups=[biases])
    ```
    """

    pattern: str
    learning_rate: float = 1.0
    l2: float = 1.0

    def __post_init__(self):
        if not isinstance(self.pattern, str):
            raise ValueError(
                f"`pattern` must be a regular expression. Received: pattern={self.pattern!r}"
            )
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(
                "`pattern` must be a regular expression. "
                f"Received: pattern={self.pattern!r}: {error}"
            ) from error
        for name in ("learning_rate", "l2"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Real) or not math.isfinite(value) or value < 0:
                raise ValueError(
                    f"`{name}` of a group, a multiplier, must be a finite number >= 0. "
                    f"Received: {name}={value!r}"
                )

    @property
    def name(self) -> str:
        """Name in metrics: that of a named group `(?P<name>...)` of the pattern, or its words."""
        named = re.compile(self.pattern).groupindex
        return next(iter(named), None) or "_".join(re.findall(r"\w+", self.pattern))


RUBIKSNET_GROUPS = (
    ParameterGroup(r"(^|/)shift$", learning_rate=0.01, l2=0.0),
    ParameterGroup(r"(^|/)(gamma|beta|bias)$", l2=0.0),
)
"""The groups of RubiksNet's code: shifts have a hundredth of the learning rate, and only kernels
have a decay."""


def check_groups(groups):
    """Returns a tuple of `ParameterGroup`s; dictionaries of their arguments are converted."""
    try:
        return tuple(
            group if isinstance(group, ParameterGroup) else ParameterGroup(**group)
            for group in groups
        )
    except TypeError as error:
        raise ValueError(
            "`groups` must hold `ParameterGroup`s, or dictionaries of their arguments. "
            f"Received: groups={groups!r}: {error}"
        ) from error


def find_group(variable, groups):
    """Returns the first of `groups` whose pattern occurs in the path of the variable."""
    matches = (group for group in groups if re.search(group.pattern, variable.path))
    return next(matches, ParameterGroup(""))
