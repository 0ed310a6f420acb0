"""What a task is: one thing that a label says of a clip, as the verb, the noun or the action.

Datasets, models, training, evaluation and exports name tasks with the words of this module.
"""

# The task of a dataset with one label per clip, and the whole class beside its verb and noun.
ACTION = "action"


def task_logits(outputs):
    """Returns the outputs of a model, or the labels for it, as a dictionary with a key per task.

    Args:
        outputs: The dictionary of a multi-task model; or the one value of any other model,
            which becomes the value of the task `"action"`.
    """
    return dict(outputs) if isinstance(outputs, dict) else {ACTION: outputs}


def task_prefix(task):
    """Returns the prefix of the names of a task's metrics: `"verb_"`, or "" for the action."""
    return "" if task == ACTION else f"{task}_"
