from gsf_tf.data.record_schema import WHOLE


def task_logits(outputs):
    """Returns what a model gives, or what belongs to it, as a dictionary from its tasks.

    Args:
        outputs: Of a multi-task model a dictionary; of any other one thing, which becomes that of
            the task `"action"`.
    """
    return dict(outputs) if isinstance(outputs, dict) else {WHOLE: outputs}


def task_prefix(task):
    """Returns what stands before the names of a task's figures, as `"verb_"`; of the action, ""."""
    return "" if task == WHOLE else f"{task}_"
