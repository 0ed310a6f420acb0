"""A model that `gsf-tf analyze` and `gsf-tf features` look into, and the videos for it."""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable

import keras

from gsf_tf.data import LabelMap, read_clip_lengths, video_dataset_from_records
from gsf_tf.errors import UserError
from gsf_tf.evaluation import Protocol, Scores, score_videos
from gsf_tf.models import SegmentModel
from gsf_tf.tasks import ACTION, task_logits

from .evaluation_subject import EvaluationSubject, evaluation_subject
from .report_folder import file_stem

BATCH_SIZE = 16


@dataclasses.dataclass
class AnalyzedModel:
    """A model of a run or of anywhere else, with a split of records.

    Attributes:
        name: Name in titles and in names of files.
        subject: `EvaluationSubject`, the model and the records.
        most_videos: Largest number of videos for what does not need all of them.
        read_lengths: `read_clip_lengths`, or a function like it that several models share.
        tell: Function that is called while the model runs, with a text and the share that is done.
    """

    name: str
    subject: EvaluationSubject
    most_videos: int
    read_lengths: Callable[[str, str], dict[str, int]] = read_clip_lengths
    tell: Callable[[str, float], None] = lambda text, share: None

    @functools.cached_property
    def opened(self):
        """The `TrainedModel`; its classes are those of the records."""
        opened = self.subject.open()
        opened.check_labels(self.labels, self.subject.records)
        return opened

    @functools.cached_property
    def labels(self):
        """`LabelMap` of the records."""
        return LabelMap(self.subject.info.labels)

    @property
    def network(self):
        """The network, which may be an export without layers."""
        return self.opened.network

    @property
    def has_layers(self):
        """Whether the network is a `SegmentModel`, whose layers can be looked into."""
        return isinstance(self.network, SegmentModel)

    @property
    def clips(self):
        """Number of all videos of the split."""
        return self.subject.info.num_clips(self.subject.split)

    @property
    def lengths(self):
        """Dictionary from the id of each whole clip of the split to its number of frames."""
        return self.read_lengths(self.subject.records, self.subject.split)

    def class_names(self):
        """Returns what `score_videos` takes: the names of the action's classes, by task."""
        return {ACTION: list(self.labels.names)}

    def action_network(self):
        """Returns the network with the output of the action only."""
        outputs = task_logits(self.network.output)
        if set(outputs) == {ACTION} or not self.has_layers:
            return self.network
        return keras.Model(self.network.input, outputs[ACTION])

    def dataset(self, every_video=False):
        """Returns a dataset of (clip, label, id): one clip and the center crop of each video.

        Args:
            every_video: Whether all videos are in it, and not only `most_videos` of them, evenly
                spaced.
        """
        data = self.subject.config(self.opened, Protocol())["data"]
        _, num_segments, height, width, _ = self.network.input_shape
        step = 1 if every_video else max(1, -(-self.clips // self.most_videos))
        dataset = video_dataset_from_records(
            self.subject.info.shard_files(self.subject.records, self.subject.split),
            num_segments=num_segments,
            batch_size=1 if step > 1 else BATCH_SIZE,
            image_size=(height, width),
            sampling=data["sampling"],
            frame_stride=data["frame_stride"],
            clip_ids=True,
            on_error=data["on_error"],
        )
        return dataset if step == 1 else dataset.shard(step, 0).unbatch().batch(BATCH_SIZE)

    def find_clips(self, ids):
        """Returns a dictionary from ids of videos to their clips, uint8 `[T, H, W, 3]`."""
        wanted, found = set(ids), {}
        for clips, _, names in self.dataset(every_video=True):
            for clip, name in zip(clips.numpy(), names.numpy(), strict=True):
                if name.decode() in wanted:
                    found[name.decode()] = clip
            if len(found) == len(wanted):
                break
        return found

    @functools.cached_property
    def scores(self):
        """The `Scores` of the action for all videos.

        They are those that `gsf-tf evaluate` wrote, if they are of this model and of these clips.

        Raises:
            UserError: As `score_videos` does.
        """
        kept = self._kept_scores()
        if kept is not None:
            return _of_action(kept)
        return score_videos(
            self.action_network(),
            self.dataset(every_video=True),
            self.class_names(),
            on_step=self.show_videos,
        )

    def show_videos(self, videos):
        """Tells how many of all videos are done."""
        self.tell(f"{videos} of {self.clips} videos", videos / self.clips)

    def _kept_scores(self):
        name = f"efficiency{self.subject.suffix}"
        folder = pathlib.Path(self.subject.results.path)
        try:
            report = json.loads((folder / f"eval_{name}.json").read_text(encoding="utf-8"))
            scores = Scores.load(folder / f"scores_{name}.npz")
        except (OSError, ValueError, UserError):
            return None
        is_same = (
            report.get("model_sha256") == self.opened.sha256
            and report.get("records") == str(self.subject.records)
            and scores.class_names.get(ACTION) == list(self.labels.names)
            # The records may have been written anew since then.
            and set(scores.ids.tolist()) == self.lengths.keys()
        )
        return scores if is_same else None

    def read_metrics(self):
        """Returns the lines of `metrics.jsonl`; none for a model without a run."""
        return [] if self.subject.run is None else self.subject.run.read_metrics()


def analyzed_models(workdirs, models, labels, records, split, most_videos):
    """Returns the models that the flags of a program name.

    Args:
        workdirs: Paths of training runs.
        models: Paths of models.
        labels: Path of labels, or None.
        records: Folder of records, or None for those of the runs.
        split: Name of the split, or None for the validation split.
        most_videos: As in `AnalyzedModel`.

    Returns:
        A list of `AnalyzedModel` with different names.

    Raises:
        UserError: If the flags do not say it, a run or the records are damaged, or the models are
            of other classes.
    """
    subjects = [evaluation_subject(path, None, None, records, split, None) for path in workdirs]
    subjects += [evaluation_subject(None, path, labels, records, split, None) for path in models]
    paths = [*workdirs, *models]
    read_lengths = functools.cache(read_clip_lengths)
    found = [
        AnalyzedModel(name, subject, most_videos, read_lengths)
        for name, subject in zip(short_names(paths), subjects, strict=True)
    ]
    first = found[0]
    for other in found[1:]:
        if other.labels.names != first.labels.names:
            raise UserError(
                "Models that are analyzed together must have the same classes. Received: "
                f"{_describe(first)}, {_describe(other)}. Analyze them one by one."
            )
    return found


def _of_action(scores):
    """Returns scores without those of other tasks."""
    return dataclasses.replace(
        scores,
        **{
            field: {ACTION: getattr(scores, field)[ACTION]}
            for field in ("logits", "labels", "class_names")
        },
    )


def short_names(paths):
    """Returns the ends of paths that tell them apart; with a number where nothing does."""
    for parts in (1, 2, 3):
        names = ["/".join(pathlib.Path(path).resolve().parts[-parts:]) for path in paths]
        if len({file_stem(name).lower() for name in names}) == len(names):
            return names
    return [f"{number} {path}" for number, path in enumerate(paths, 1)]


def _describe(model):
    names = model.labels.names
    more = ", ..." if len(names) > 3 else ""
    return f"{model.name} with {len(names)} classes ({', '.join(names[:3])}{more})"
