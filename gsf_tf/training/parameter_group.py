import dataclasses
import math
import numbers
import re


@dataclasses.dataclass(frozen=True)
class ParameterGroup:
    """Variables that `CoupledSGD` moves at a rate or with a decay of their own.

    Args:
        pattern: Regular expression, searched for in the `path` of a variable, such as
            `"layer1_0_bn1/gamma"`. Of several groups the first that matches counts; a variable
            that none matches has both multipliers 1.
        learning_rate: Multiplier of the learning rate, >= 0.
        l2: Multiplier of the decay, >= 0.

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
                    f"`{name}` of a group is a multiplier and must be a number of at least 0. "
                    f"Received: {name}={value!r}"
                )


# RubiksNet's code: shifts learn at a hundredth of the rate; the decay is for kernels only.
RUBIKSNET_GROUPS = (
    ParameterGroup(r"(^|/)shift$", learning_rate=0.01, l2=0.0),
    ParameterGroup(r"(^|/)(gamma|beta|bias)$", l2=0.0),
)


def check_groups(groups):
    """Returns a tuple of `ParameterGroup`s, given those or dictionaries of their arguments."""
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
    """Returns the first of `groups` whose pattern is found in the variable's path."""
    matches = (group for group in groups if re.search(group.pattern, variable.path))
    return next(matches, ParameterGroup(""))
