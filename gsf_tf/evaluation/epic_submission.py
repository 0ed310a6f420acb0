import json
import os
import pathlib
import zipfile

import numpy as np

from gsf_tf.errors import UserError
from gsf_tf.evaluation.scores import Scores

VERSION, CHALLENGE = "0.2", "action_recognition"
MEMBER = "test.json"
CLASSES = {"verb": 97, "noun": 300}
LEVELS = range(6)


def save_epic_submission(
    scores: Scores,
    path: str | os.PathLike,
    supervision: tuple[int, int, int] = (2, 3, 3),
) -> None:
    """Writes the scores of a split as a submission to the EPIC-KITCHENS-100 challenge.

    The file is a zip archive with `test.json`: the version `"0.2"`, the challenge
    `"action_recognition"`, the three supervision levels, and under `results` for each narration id
    (`"P01_11_0"`) the score of every verb and of every noun by the index of its class. The scores
    are the logits. The challenge computes the action from these two, so the linear layer of the
    action is not part of it.

    Args:
        scores: `Scores` of a model for verb, noun and action, on records that
            `gsf-tf prepare --dataset=epic100` wrote, or the ensemble of several (`fuse_scores`).
        path: Path of the file, which should end in `.zip`; written under a temporary name that is
            replaced when it is complete.
        supervision: Levels of pretraining, labels and training data, each 0 to 5, as the challenge
            defines them. The default is that of the papers' recipe: 2, images and videos (1 with
            images alone), 3, labels and times of the training split, and 3, all of that split.

    Raises:
        UserError: If the scores are not of the 97 verbs and 300 nouns, if a clip's name has no
            narration id, if two clips have the same one, or if a level is not in 0..5.

    Example:

    ```python
    scores = Scores.load("runs/gsf_resnet50_epic100_16f/scores_accuracy.npz")
    save_epic_submission(scores, "submission.zip", supervision=(2, 3, 3))
    ```

    Reference:
        The dataset's code for the challenge, `epic-kitchens/C1-Action-Recognition`, and
        `epic-kitchens/SLS` for the supervision levels (Damen and Wray, 2020).
    """
    check_classes(scores.class_names)
    check_levels(supervision)
    narrations = _narrations(scores.ids.tolist())
    results = {
        narration: {task: _by_class(scores.logits[task][row]) for task in CLASSES}
        for row, narration in enumerate(narrations)
    }
    levels = zip(("sls_pt", "sls_tl", "sls_td"), map(int, supervision), strict=True)
    submission = {"version": VERSION, "challenge": CHALLENGE, **dict(levels), "results": results}
    path = pathlib.Path(path)
    partial = path.with_name(f"partial-{path.name}")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(MEMBER, json.dumps(submission))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _by_class(logits):
    return {str(index): float(value) for index, value in enumerate(logits)}


def _narrations(names):
    """Returns the narration id of each clip; they all differ."""
    clips = {}
    for name in names:
        narration = _narration(name)
        if narration in clips:
            raise UserError(
                "A submission needs one clip per narration id. Received: "
                f"{narration!r} of {clips[narration]!r} and of {name!r}. Evaluate the model on "
                "records that have each action once."
            )
        clips[narration] = name
    return list(clips)


def _narration(name):
    """Returns the narration id in the id of a clip, `SHARD:INDEX VIDEO#NARRATION`."""
    _, separator, narration = name.rpartition("#")
    if not separator or not narration:
        raise UserError(
            "A submission needs the narration id of each clip, as records of "
            f"`gsf-tf prepare --dataset=epic100` have it. Received: {name!r}. Evaluate the model "
            "on such records."
        )
    return narration


def check_classes(class_names):
    """Raises UserError if a model has other classes than the challenge.

    Args:
        class_names: Dictionary from each task to the names of its classes.
    """
    found = {task: len(names) for task, names in class_names.items()}
    if {task: found.get(task) for task in CLASSES} != CLASSES:
        raise UserError(
            "A submission needs scores of 97 verbs and 300 nouns. "
            f"Received: {', '.join(f'{number} {task}' for task, number in found.items())}. Train "
            "on records of EPIC-KITCHENS-100 with `config.task_weights` for verb, noun and action."
        )


def check_levels(supervision):
    """Raises UserError if levels of supervision are not three of 0..5."""
    is_right = len(supervision) == 3 and all(
        isinstance(level, (int, np.integer)) and level in LEVELS for level in supervision
    )
    if not is_right:
        raise UserError(
            "`supervision` must be three levels of 0 to 5: pretraining, labels, training data. "
            f"Received: supervision={supervision!r}. docs/evaluation.md says what they mean."
        )
