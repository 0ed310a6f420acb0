"""The settings of an experiment that follow from its dataset: the one place for such facts.

The number of classes, the tasks' labels and the rule for mirroring are stored in the records. An
experiment looks for the records of `NAME` in the folder `records/NAME`.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class DatasetSettings:
    """Settings that all experiments on a dataset share.

    Args:
        batch_size: Clips of a step; the learning rate is given for this batch.
        flip: Probability of mirroring a clip. Labels swap by the table in the records, if the
            records have one (Something-Something).
        tasks: Names of the tasks, each with a linear layer of its own and the same weight in the
            loss; empty for a single linear layer.
    """

    batch_size: int = 32
    flip: float = 0.5
    tasks: tuple = ()


# One frame is drawn from each of equal segments of the video, in training at random ("temporal
# jittering", GSF paper, section 4.2). TSM's recipe sets its dense windows on Kinetics.
DATASETS = {
    "ssv1": DatasetSettings(),
    "ssv2": DatasetSettings(),
    "kinetics400": DatasetSettings(),
    # GSF paper, section 4.5: "we used a smaller batch size of 8", and everything else as on the
    # other datasets, so the learning rate is not scaled down with the batch.
    "diving48": DatasetSettings(batch_size=8),
    # GSF paper, section 4.5: "a multitask problem for predicting verb, noun and action". The paper
    # does not give the tasks' weights.
    "epic100": DatasetSettings(tasks=("verb", "noun", "action")),
    "ucf101": DatasetSettings(),
    "hmdb51": DatasetSettings(),
    # Folders of images, one per class (docs/experiments.md); neither paper gives a batch.
    "imagenet": DatasetSettings(batch_size=256),
}
