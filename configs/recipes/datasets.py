"""What an experiment takes from its dataset: the one place for such facts.

The number of classes, the parts of a label and the left/right rule are in the records
(`trainers.prepare --dataset=NAME`), which are looked for in `records/NAME`.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Settings that all experiments on a dataset share.

    Attributes:
        batch_size: Clips of a step, for which the learning rate is meant.
        flip: Probability of mirroring. Labels swap by the table in the records, where they have
            one (Something-Something).
        tasks: Names of the linear layers, if there is not just one; of equal weight in the loss.
    """

    batch_size: int = 32
    flip: float = 0.5
    tasks: tuple = ()


# Frames are one of each of equal parts of the video, in training at random ("temporal jittering",
# GSF paper, section 4.2); TSM's dense windows on Kinetics are set in its recipe.
DATASETS = {
    "ssv1": DataSet(),
    "ssv2": DataSet(),
    "kinetics400": DataSet(),
    # GSF paper, section 4.5: "we used a smaller batch size of 8", all else as elsewhere, so the
    # learning rate is not scaled down with it.
    "diving48": DataSet(batch_size=8),
    # GSF paper, section 4.5: "a multitask problem for predicting verb, noun and action". The tasks'
    # weights are not in it.
    "epic100": DataSet(tasks=("verb", "noun", "action")),
    "ucf101": DataSet(),
    "hmdb51": DataSet(),
    # Folders of images, one per class (docs/experiments.md); neither paper gives a batch.
    "imagenet": DataSet(batch_size=256),
}
