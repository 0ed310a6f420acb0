"""Clips straight from files: videos, images or folders of frames."""

import dataclasses
import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import rich.progress
import tensorflow as tf

from gsf_tf.data.listing.validation_split import split_for_validation
from gsf_tf.data.listing.video_folder import list_video_folder
from gsf_tf.data.pipeline.augmentation.augmentation import Augmentation
from gsf_tf.data.pipeline.batching import augment_clips, batch_clips
from gsf_tf.data.pipeline.clip_copies import ClipCopies
from gsf_tf.data.pipeline.clip_rule import ClipRule
from gsf_tf.data.pipeline.python_calls import ends_with_process
from gsf_tf.data.pipeline.seeding import epoch_seed_dataset, example_seeds, shuffle_arguments
from gsf_tf.data.video.clip_reader import check_clip, read_sampled_frames
from gsf_tf.errors import DataError, VideoError
from gsf_tf.ops import scale_crops

_SUBSETS = {"training": ("train",), "validation": ("val",), "both": ("train", "val")}

# Below this many files, looking at them takes no time worth a progress bar.
_PROGRESS_FROM = 200


# Converting all that is mapped takes seconds; none of it branches on tensors in Python.
@tf.autograph.experimental.do_not_convert
def video_dataset_from_directory(
    directory: str | os.PathLike,
    num_segments: int = 8,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (224, 224),
    shuffle: bool = True,
    seed: int = 0,
    validation_split: float | None = None,
    subset: str | None = None,
    *,
    training: bool | None = None,
    augmentation: Augmentation | Mapping | None = None,
    sampling: str = "segments",
    frame_stride: int | None = None,
    num_clips: int = 1,
    num_crops: int = 1,
    full_short_side: bool = False,
    short_side: int = 256,
    epoch: int | None = None,
    skip_batches: int = 0,
    num_workers: int = 1,
    worker: int = 0,
    drop_remainder: bool = False,
    cache: bool | str | os.PathLike = False,
    deterministic: bool = True,
    num_parallel_calls: int = tf.data.AUTOTUNE,
    verbose: bool = True,
) -> tf.data.Dataset | tuple[tf.data.Dataset, tf.data.Dataset]:
    """Makes a dataset from a folder with one folder of videos per class.

    The arguments are those of `keras.utils.image_dataset_from_directory` where they mean the
    same. `directory` may also hold `train` and `val` folders with the class folders inside;
    then `subset` chooses between them. Instead of videos, it may hold images, which are clips of
    one frame, or folders of frames (`list_video_folder`).

    Each file is decoded again in every epoch; for longer training, records are faster
    (`video_dataset_from_records`). Decoding runs in this process, in Python, so there is no
    `service` here: workers of a `tf.data` service need records. Where frames are not random,
    `dataset.cache()` keeps the decoded clips.

    Every file is opened first. Those that cannot be read are left out, with one warning that
    names them. A file whose damage shows only on decoding is left out, with a warning, when
    its turn comes, and its batch is smaller for it: a resume and the batches of several workers
    do not shift.

    Args:
        directory: The folder.
        num_segments: Frames per clip.
        labels: `"inferred"` from the folders, a sequence of integers, one per video in the
            order of their paths relative to `directory`, or `None` for clips without labels.
        label_mode: `"int"` (int32 indices), `"categorical"` (one-hot float32) or `None` (no
            labels).
        class_names: The names of the class folders, to fix their order.
        batch_size: Clips per batch; `None` gives single clips.
        image_size: (height, width) of the frames that come out.
        shuffle: Mix the clips, in another order in every epoch. The validation part is never
            mixed.
        seed: Not negative; decides the split, the order and all random draws.
        validation_split: Fraction of the clips held back for validation, 0..1. Which ones
            depends on `seed` and on the clip's path only.
        subset: `"training"`, `"validation"` or `"both"`, which gives a pair. To be given with
            `validation_split` and for folders with `train` and `val`.
        training: Random segments and multi-scale crops, instead of middle frames and the
            center crop. By default `shuffle`, but never for the validation part.
        augmentation: For training, an `Augmentation` or the values of one. MixUp and CutMix make
            labels of the mode `"categorical"`.
        sampling: As in `video_dataset_from_records`, like the next four.
        frame_stride: Distance of the frames of dense clips.
        num_clips: Clips per video; 1 in training.
        num_crops: Crops per clip; 1 in training.
        full_short_side: Crops reach over the whole short side.
        short_side: Larger videos are scaled down to it before the crop, in pixels.
        epoch: As in `video_dataset_from_records`.
        skip_batches: Batches at the beginning that were used before; they are not decoded.
        num_workers: Workers that share the clips, each with a dataset of its own. The batches of
            all together are the clips of one worker's large batch.
        worker: Which of them this is, from 0. A `tf.distribute.InputContext` calls the two
            `num_input_pipelines` and `input_pipeline_id`.
        drop_remainder: Leave out the last batch when it is smaller, and clips that do not serve
            all workers, so that all have equally many batches.
        cache: A folder on a local disk that keeps copies of the files, for a `directory` in
            remote storage.
        deterministic: `False` gives clips in the order in which they are ready.
        num_parallel_calls: Clips decoded in parallel.
        verbose: Print the number of clips and show progress.

    Returns:
        A `tf.data.Dataset` of (clip, label) with the attributes `class_names` and
        `file_paths`; clips are uint8 `[B, num_segments, *image_size, 3]` in 0..255, with an axis
        of views after the first where there is more than one. Clips only, where there are no
        labels. A pair of datasets for `subset="both"`.

    Raises:
        DataError: When the folder or an argument breaks one of the rules above.
    """
    listing = list_video_folder(directory)
    listing, names = _relabel(listing, labels, class_names)
    parts = _select(listing, validation_split, subset, seed)
    if label_mode not in ("int", "categorical", None):
        raise DataError(
            f"`label_mode` must be 'int', 'categorical' or None. Received {label_mode!r}."
        )
    if not isinstance(augmentation, Augmentation):
        augmentation = Augmentation(**(augmentation or {}))
    if augmentation.mixes and (labels is None or label_mode != "categorical"):
        raise DataError(
            "`mixup` and `cutmix` must have label_mode='categorical': they mix labels. Received "
            f"labels={labels!r}, label_mode={label_mode!r}."
        )
    if not 0 <= worker < num_workers:
        raise DataError(
            f"`worker` must be in 0..num_workers - 1. Received {worker} of {num_workers}."
        )
    if cache is True:
        raise DataError(
            "`cache` must be False or a folder for copies of the files. Received True. Decoded "
            "clips are kept by `dataset.cache()`, where frames are not random."
        )
    copies = None if cache is False else ClipCopies(directory, cache)
    datasets = []
    for split, members in parts.items():
        readable, paths = _leave_out_unreadable(members, listing.kind, copies, verbose)
        if verbose:
            count = f"{len(readable)} {listing.kind}"
            print(f"Using {count} of {len(names)} classes for {split or 'all'}.")
        mix = shuffle and split != "val"
        random = (mix if training is None else training) and split != "val"
        if random and labels is not None:
            augmentation.check_classes(names)
        rule = ClipRule(
            num_segments=num_segments,
            image_size=tuple(image_size),
            training=random,
            sampling=sampling,
            frame_stride=frame_stride,
            num_clips=1 if random else num_clips,
            num_crops=1 if random else num_crops,
            full_short_side=full_short_side,
            augmentation=augmentation,
        )
        dataset = _build(
            paths,
            [clip.label for clip in readable],
            rule,
            short_side=short_side,
            shuffle=mix,
            seed=seed,
            epoch=epoch,
            skip=skip_batches * (batch_size or 1),
            shard=(num_workers, worker),
            whole_groups=drop_remainder,
            num_parallel_calls=num_parallel_calls,
            deterministic=deterministic,
        )
        mixing = augmentation if random and augmentation.mixes else None
        if batch_size is None:
            dataset = dataset.filter(lambda clip, label, good, seed: good)
            dataset = dataset.map(lambda clip, label, good, seed: (clip, label, seed))
        dataset = batch_clips(dataset, batch_size, drop_remainder, mixing, len(names), flagged=True)
        if labels is None or label_mode is None:
            dataset = dataset.map(lambda clip, label: clip)
        elif label_mode == "categorical" and mixing is None:
            dataset = dataset.map(lambda clip, label: (clip, tf.one_hot(label, len(names))))
        dataset = dataset.prefetch(tf.data.AUTOTUNE)
        dataset.class_names = list(names)
        dataset.file_paths = [clip.path for clip in readable]
        datasets.append(dataset)
    return tuple(datasets) if subset == "both" else datasets[0]


def _relabel(listing, labels, class_names):
    """Returns the listing with the labels asked for, and the class names."""
    names = list(listing.labels)
    if labels is None or (isinstance(labels, str) and labels == "inferred"):
        if class_names is None:
            return listing, names
        if sorted(class_names) != names:
            raise DataError(
                "`class_names` must be the names of the class folders. Received "
                f"{list(class_names)} for the folders {names}."
            )
        order = {name: index for index, name in enumerate(class_names)}
        labels, names = [order[names[clip.label]] for clip in listing.clips], class_names
    elif isinstance(labels, str) or len(labels) != len(listing.clips):
        received = repr(labels) if isinstance(labels, str) else f"{len(labels)} labels"
        raise DataError(
            "`labels` must be 'inferred', None, or one integer per video. Received "
            f"{received} for {len(listing.clips)} videos."
        )
    else:
        labels = [int(label) for label in labels]
        names = list(class_names or map(str, range(max(labels) + 1)))
        if min(labels) < 0 or max(labels) >= len(names):
            raise DataError(
                f"`labels` must be in 0..{len(names) - 1}, the indices of the class names. "
                f"Received {min(labels)}..{max(labels)}."
            )
    clips = (
        dataclasses.replace(clip, label=label)
        for clip, label in zip(listing.clips, labels, strict=True)
    )
    return dataclasses.replace(listing, clips=tuple(clips)), names


def _select(listing, validation_split, subset, seed):
    """Returns the clips of each part that is wanted, under its name."""
    if subset is not None and subset not in _SUBSETS:
        raise DataError(
            f"`subset` must be 'training', 'validation', 'both' or None. Received {subset!r}."
        )
    has_parts = any(clip.split for clip in listing.clips)
    if has_parts and validation_split is not None:
        raise DataError(
            "`validation_split` must be None for a folder with train and val parts of its own. "
            f"Received {validation_split}. Choose the part with `subset`."
        )
    if (has_parts or validation_split is not None) != (subset is not None):
        raise DataError(
            "`subset` must be given for a folder with train and val parts and together with "
            f"`validation_split`, and only then. Received subset={subset!r}, "
            f"validation_split={validation_split}, and a folder "
            f"{'with' if has_parts else 'without'} such parts."
        )
    if subset is None:
        return {None: list(listing.clips)}
    if not has_parts:
        listing = split_for_validation(listing, validation_split, seed)
    by_split = listing.by_split()
    parts = {name: by_split.get(name, []) for name in _SUBSETS[subset]}
    empty = [name for name, clips in parts.items() if not clips]
    if empty:
        raise DataError(
            f"Each part must have at least one clip. Received none for `{empty[0]}`. Add clips "
            "or raise `validation_split`."
        )
    return parts


def _leave_out_unreadable(clips, kind, copies, verbose):
    """Returns the clips that can be opened, and the paths under which they are read."""

    def check(clip):
        path = clip.path if copies is None else copies.local_path(clip)
        try:
            check_clip(path)
        except VideoError as error:
            return path, error
        return path, None

    show = verbose and len(clips) >= _PROGRESS_FROM
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checks = pool.map(check, clips)
        track = rich.progress.track(checks, f"Opening {kind}", len(clips), disable=not show)
        found = list(zip(clips, track, strict=True))
    readable = [(clip, path) for clip, (path, error) in found if not error]
    failed = [f"{clip.path}: {error.reason}" for clip, (_, error) in found if error]
    if not readable:
        raise DataError(
            f"At least one clip must be readable. Received {len(clips)} {kind}, none of which is. "
            f"The first: {failed[0]}"
        )
    if failed:
        listed = "\n".join(f"  {line}" for line in failed)
        warnings.warn(
            f"{len(failed)} of {len(clips)} {kind} cannot be read and are left out:\n{listed}",
            stacklevel=3,
        )
    return zip(*readable, strict=True)


def _build(paths, labels, rule, *, short_side, shuffle, seed, epoch, skip, shard, whole_groups,
           num_parallel_calls, deterministic):  # fmt: skip
    """Returns a dataset of single (clip, label, whether it could be decoded, seed)."""
    nothing = np.zeros([rule.num_frames, *rule.image_size, 3], np.uint8)

    @ends_with_process
    def decode(path, frames_seed):
        def choose(num_frames):
            return rule.indices(num_frames, frames_seed).numpy()

        try:
            return read_sampled_frames(path.decode(), choose, short_side), True
        except VideoError as error:
            warnings.warn(f"A clip is left out. {error}", stacklevel=2)
            return nothing, False

    def load(epoch_seed, place, path, label):
        frames_seed, crop_seed, change_seed = example_seeds(epoch_seed, place)
        frames, good = tf.numpy_function(
            decode, [path, frames_seed], (tf.uint8, tf.bool), stateful=False
        )
        frames = tf.ensure_shape(frames, [rule.num_frames, None, None, 3])
        height, width = tf.shape(frames)[1], tf.shape(frames)[2]
        crops = scale_crops(frames, rule.boxes(height, width, crop_seed), rule.image_size)
        return rule.arrange(crops), label, tf.ensure_shape(good, []), change_seed

    paths, labels = tf.constant(paths), tf.constant(labels, tf.int32)
    num_clips = len(paths)

    def list_clips(epoch_seed):
        places = tf.data.Dataset.range(num_clips)
        return places.map(lambda place: (epoch_seed, place, paths[place], labels[place]))

    dataset = epoch_seed_dataset(seed, epoch).flat_map(list_clips)
    if shuffle:
        dataset = dataset.shuffle(num_clips, **shuffle_arguments(seed, epoch))
    if whole_groups:
        dataset = dataset.take(num_clips // shard[0] * shard[0])
    dataset = dataset.shard(*shard).skip(skip)
    dataset = dataset.map(load, num_parallel_calls, deterministic=deterministic)
    if rule.training:
        dataset = augment_clips(
            dataset, rule.augmentation, num_parallel_calls, deterministic=deterministic
        )
    return dataset
