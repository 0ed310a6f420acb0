"""Tasks: the kinds of labels that a clip has, such as a verb, a noun and an action.

Datasets, models, training, evaluation and exports use these names. A dataset with one label per
clip has the task `"action"` only.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["ACTION", "task_logits", "task_prefix"]

ACTION = "action"
"""The task of a dataset with one label per clip; in a multi-task dataset, the full class beside its
verb and its noun."""


def task_logits(outputs: Mapping[str, Any] | Any) -> dict[str, Any]:
    """Returns the outputs of a model, or its labels, as a dictionary with a key per task.

    Args:
        outputs: The dictionary of a multi-task model; or the single value of any other model,
            which becomes the value of the task `"action"`.
    """
    return dict(outputs) if isinstance(outputs, dict) else {ACTION: outputs}


def task_prefix(task: str) -> str:
    """Returns the prefix of the names of a task's metrics: `"verb_"`, but "" for the action."""
    return "" if task == ACTION else f"{task}_"
