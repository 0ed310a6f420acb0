"""Makes datasets of clips straight from videos, images or folders of frames."""

import dataclasses
import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import rich.progress
import tensorflow as tf

from gsf_tf.data.listing.validation_split import split_for_validation
from gsf_tf.data.listing.video_folder import list_video_folder
from gsf_tf.data.pipeline.augmentation.augmentation import Augmentation
from gsf_tf.data.pipeline.batching import batch_clips
from gsf_tf.data.pipeline.clip_copies import ClipCopies
from gsf_tf.data.pipeline.clip_rule import ClipRule
from gsf_tf.data.pipeline.file_stream import FileStream
from gsf_tf.data.pipeline.seeding import check_seed
from gsf_tf.data.pipeline.sized_dataset import SizedDataset
from gsf_tf.data.pipeline.worker_share import WorkerShare
from gsf_tf.data.video.clip_limits import ClipLimits
from gsf_tf.data.video.clip_reader import check_clip
from gsf_tf.errors import DataError, VideoError

_SUBSETS = {"training": ("train",), "validation": ("val",), "both": ("train", "val")}

# With fewer files, opening them takes too little time for a progress bar.
_PROGRESS_FROM = 200


# Converting the mapped functions with autograph takes seconds, and none of them needs it.
@tf.autograph.experimental.do_not_convert
def video_dataset_from_directory(
    directory: str | os.PathLike,
    num_segments: int = 8,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    image_size: tuple[int, int] | int = (224, 224),
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
    crops_along: str = "longer_side",
    short_side: int = 256,
    epoch: int | None = None,
    skip_batches: int = 0,
    batch_numbers: bool = False,
    num_workers: int = 1,
    worker: int = 0,
    drop_remainder: bool = False,
    cache: bool | str | os.PathLike = False,
    deterministic: bool = True,
    num_parallel_calls: int = tf.data.AUTOTUNE,
    verbose: bool = True,
    limits: ClipLimits | None = None,
) -> tf.data.Dataset | tuple[tf.data.Dataset, tf.data.Dataset]:
    """Makes a dataset from a folder with one folder of videos per class.

    The arguments are those of `keras.utils.image_dataset_from_directory`, wherever they have the
    same meaning. `directory` may also hold folders `train` and `val` with the class folders inside,
    also under the other names of splits that `list_video_folder` knows; `subset` then chooses
    between them. Instead of videos, the class folders may hold images, which are clips of one
    frame, or folders of frames (`list_video_folder`).

    Each file is decoded again in every epoch, so records are faster for longer training
    (`video_dataset_from_records`). Python decodes the files in this process. A `tf.data` service
    cannot do that, so there is no argument `service`. Unless frames are random, `dataset.cache()`
    keeps the decoded clips.

    Every file is opened once at the beginning. Files that cannot be opened are left out, with one
    warning that names them. A file whose damage shows only on decoding is left out when its turn
    comes, with a warning, and its batch has one clip less. No other clip takes its place, so the
    following batches, a resumed run and the batches of other workers stay the same.

    Args:
        directory: The folder.
        num_segments: Frames per clip.
        labels: `"inferred"` takes the labels from the folders. A sequence holds one integer per
            video, in the order of their paths relative to `directory`. `None` makes clips without
            labels.
        label_mode: `"int"` (int32 indices), `"categorical"` (one-hot float32) or `None` (no
            labels).
        class_names: The names of the class folders, in the order of their indices. By default they
            are sorted.
        batch_size: Clips per batch; `None` makes single clips.
        image_size: (height, width) of the clips' frames, in pixels; one number stands for both.
        shuffle: Mix the clips, in another order in every epoch. The validation part is never
            mixed.
        seed: Decides the split, the order and all random draws; at least 0.
        validation_split: Share of the clips held back for validation, 0..1. Which ones depends on
            `seed` and on the clips' paths only.
        subset: `"training"`, `"validation"` or `"both"`, which returns a pair. It must be given
            with `validation_split` and for folders with `train` and `val`, and only then.
        training: Take random segments and multi-scale crops instead of middle frames and the center
            crop. By default `shuffle`. The validation part always has the latter.
        augmentation: The changes in training, as an `Augmentation` or a dictionary of its values.
            MixUp and CutMix need the label mode `"categorical"`.
        sampling: As in `video_dataset_from_records`.
        frame_stride: As in `video_dataset_from_records`.
        num_clips: Clips per video; training always takes 1.
        num_crops: Crops per clip; training always takes 1.
        full_short_side: As in `video_dataset_from_records`.
        crops_along: As in `video_dataset_from_records`.
        short_side: Pixels. Larger videos are scaled down to this short side before the crop.
        epoch: As in `video_dataset_from_records`.
        skip_batches: Number of batches to skip at the beginning, because they were used before.
            Their clips are not decoded. Batches that are missing because all their clips are
            damaged are counted; `batch_numbers` tells how many there were.
        batch_numbers: As in `video_dataset_from_records`; the number is the last component.
        num_workers: Number of workers that share the clips; each makes a dataset of its own. The
            batches of all workers together have the clips of one worker's large batch.
        worker: Number of this worker, from 0.
        drop_remainder: Drop the last batch if it is smaller, and the last clips if they are too few
            for all workers, so that all workers have equally many batches.
        cache: A folder on a local disk that keeps copies of the files, which serves a `directory`
            in remote storage.
        deterministic: `False` returns clips in the order in which they become ready.
        num_parallel_calls: Number of clips decoded in parallel.
        verbose: Print the number of clips and show progress.
        limits: How much work a clip may be, by default `ClipLimits()`. A clip beyond it counts as
            damaged. The clock is looked at between frames, because this process decodes: a decoder
            that hangs inside of one frame is not ended (`gsf-tf prepare` ends it).

    Returns:
        A `tf.data.Dataset` of (clip, label) batches with the attributes `class_names` and
        `file_paths`. Its `len()` is the number of batches, of which those are missing whose clips
        are all damaged. Clips are uint8 `[B, num_segments, *image_size, 3]` in 0..255. With several
        views they are `[B, num_clips * num_crops, num_segments, *image_size, 3]`. Without labels,
        the dataset has clips only. For `subset="both"`, a pair of datasets.

    Raises:
        DataError: If the folder or an argument breaks one of the rules above.
    """
    seed, limits = check_seed(seed), limits or ClipLimits()
    listing = list_video_folder(directory)
    listing, names = _relabel(listing, labels, class_names)
    members_of = _select(listing, validation_split, subset, seed)
    augmentation = Augmentation.of(augmentation)
    _check_arguments(labels, label_mode, augmentation, cache)
    share = WorkerShare(
        num_workers=num_workers,
        worker=worker,
        equal=drop_remainder,
        skip_batches=skip_batches,
        batch_size=1 if batch_size is None else batch_size,
    )
    copies = None if cache is False else ClipCopies(directory, cache)
    if verbose:
        print("".join(f"{note}.\n" for note in listing.notes), end="")
    datasets = []
    for split, members in members_of.items():
        readable, paths = _leave_out_unreadable(members, listing.kind, copies, limits, verbose)
        if verbose:
            count = f"{len(readable)} {listing.kind}"
            print(f"Using {count} of {len(names)} classes for {split or 'all'}.")
        mix = shuffle and split != "val"
        random = (mix if training is None else training) and split != "val"
        if random and labels is not None:
            augmentation.check_classes(names)
        rule = ClipRule(
            num_segments=num_segments,
            image_size=image_size,
            training=random,
            sampling=sampling,
            frame_stride=frame_stride,
            num_clips=1 if random else num_clips,
            num_crops=1 if random else num_crops,
            full_short_side=full_short_side,
            crops_along=crops_along,
            augmentation=augmentation,
        )
        stream = FileStream(
            paths,
            [clip.label for clip in readable],
            rule,
            share,
            short_side=short_side,
            shuffle=mix,
            seed=seed,
            epoch=epoch,
            num_parallel_calls=num_parallel_calls,
            deterministic=deterministic,
            limits=limits,
        )
        dataset = stream.dataset()
        mixing = augmentation if random and augmentation.mixes else None
        dataset = batch_clips(
            dataset,
            batch_size,
            drop_remainder,
            mixing,
            len(names),
            flagged=True,
            first_number=skip_batches if batch_numbers else None,
        )
        if labels is None or label_mode is None:
            dataset = dataset.map(lambda clip, label, *number: (clip, *number) if number else clip)
        elif label_mode == "categorical" and mixing is None:
            dataset = dataset.map(
                lambda clip, label, *number: (clip, tf.one_hot(label, len(names)), *number)
            )
        count = share.count(len(readable))
        size = -(-count // (1 if batch_size is None else batch_size))
        if drop_remainder:
            size = count // (1 if batch_size is None else batch_size)
        dataset = SizedDataset(dataset.prefetch(tf.data.AUTOTUNE), size)
        dataset.class_names = list(names)
        dataset.file_paths = [clip.path for clip in readable]
        datasets.append(dataset)
    return tuple(datasets) if subset == "both" else datasets[0]


def _check_arguments(labels, label_mode, augmentation, cache):
    if label_mode not in ("int", "categorical", None):
        raise DataError(
            "`label_mode` must be 'int', 'categorical' or None. Received: "
            f"label_mode={label_mode!r}"
        )
    if augmentation.mixes and (labels is None or label_mode != "categorical"):
        raise DataError(
            "`mixup` and `cutmix` must have label_mode='categorical', because they mix labels. "
            f"Received: labels={labels!r}, label_mode={label_mode!r}"
        )
    if cache is True:
        raise DataError(
            "`cache` must be False or a folder for copies of the files. Received: cache=True. "
            "Unless frames are random, `dataset.cache()` keeps decoded clips."
        )


def _relabel(listing, labels, class_names):
    """Returns the listing with the labels that the arguments ask for, and the class names."""
    names = list(listing.labels)
    if labels is None or (isinstance(labels, str) and labels == "inferred"):
        if class_names is None:
            return listing, names
        if sorted(class_names) != names:
            raise DataError(
                "`class_names` must be the names of the class folders. Received: "
                f"class_names={list(class_names)} for the folders {names}"
            )
        order = {name: index for index, name in enumerate(class_names)}
        labels, names = [order[names[clip.label]] for clip in listing.clips], class_names
    elif isinstance(labels, str) or len(labels) != len(listing.clips):
        received = repr(labels) if isinstance(labels, str) else f"{len(labels)} labels"
        raise DataError(
            "`labels` must be 'inferred', None, or one integer per video. Received: "
            f"{received} for {len(listing.clips)} videos"
        )
    else:
        labels = [_whole_number(label) for label in labels]
        names = list(class_names or map(str, range(max(labels) + 1)))
        if min(labels) < 0 or max(labels) >= len(names):
            raise DataError(
                f"`labels` must be in 0..{len(names) - 1}, the indices of the class names. "
                f"Received: labels in {min(labels)}..{max(labels)}"
            )
    clips = (
        dataclasses.replace(clip, label=label)
        for clip, label in zip(listing.clips, labels, strict=True)
    )
    return dataclasses.replace(listing, clips=tuple(clips)), names


def _whole_number(label):
    try:
        if int(label) == label:
            return int(label)
    except (OverflowError, TypeError, ValueError):
        pass
    raise DataError(
        f"`labels` must be whole numbers. Received: {label!r}. Pass the index of each clip's class."
    )


def _select(listing, validation_split, subset, seed):
    """Returns a dictionary with the clips of each split that `subset` asks for."""
    if subset is not None and subset not in _SUBSETS:
        raise DataError(
            "`subset` must be 'training', 'validation', 'both' or None. Received: "
            f"subset={subset!r}"
        )
    has_splits = any(clip.split for clip in listing.clips)
    if has_splits and validation_split is not None:
        raise DataError(
            "`validation_split` must be None for a folder with `train` and `val` inside. Received: "
            f"validation_split={validation_split}. Choose between them with `subset`."
        )
    if (has_splits or validation_split is not None) != (subset is not None):
        raise DataError(
            "`subset` must be given for a folder with `train` and `val` inside and together with "
            f"`validation_split`, and only then. Received: subset={subset!r}, "
            f"validation_split={validation_split} for a folder "
            f"{'with' if has_splits else 'without'} `train` and `val`"
        )
    if subset is None:
        return {None: list(listing.clips)}
    if not has_splits:
        listing = split_for_validation(listing, validation_split, seed)
    by_split = listing.by_split()
    selected = {name: by_split.get(name, []) for name in _SUBSETS[subset]}
    empty = [name for name, clips in selected.items() if not clips]
    if empty:
        raise DataError(
            f"Each part must have at least one clip. Received: none for `{empty[0]}`. Add clips or "
            "raise `validation_split`."
        )
    return selected


def _leave_out_unreadable(clips, kind, copies, limits, verbose):
    """Returns the clips that can be opened, and the paths from which they are read."""

    def check(clip):
        path = clip.path if copies is None else copies.local_path(clip)
        try:
            check_clip(path, limits)
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
            f"At least one clip must be readable. Received: {len(clips)} {kind}, none of which is. "
            f"The first is {failed[0]}"
        )
    if failed:
        listed = "\n".join(f"  {line}" for line in failed)
        warnings.warn(
            f"{len(failed)} of {len(clips)} {kind} cannot be read and are left out:\n{listed}",
            stacklevel=3,
        )
    return zip(*readable, strict=True)
