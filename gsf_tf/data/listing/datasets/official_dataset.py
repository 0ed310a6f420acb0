"""The base class of the datasets of the papers."""

import abc
import collections
import os
import pathlib
from collections.abc import Callable, Iterable

from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.listing.datasets.annotated_clip import AnnotatedClip
from gsf_tf.data.listing.datasets.file_index import FileIndex
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError


class OfficialDataset(abc.ABC):
    """A dataset that is read from the annotations and videos that its authors publish.

    Attributes:
        name: The key of the dataset in `OFFICIAL_DATASETS`.
        variants: Names of its official splits or versions, the default first; empty if it has
            only one.
        flip_pairs: Pairs of class names that swap when a clip is mirrored.
        frame_rate: Frames per second, if the clips are folders of frames.
    """

    name: str
    variants: tuple[str, ...] = ()
    flip_pairs: tuple[tuple[str, str], ...] = ()
    frame_rate: float | None = None

    def list_clips(
        self,
        videos: str | os.PathLike,
        annotations: str | os.PathLike,
        split: str | None = None,
    ) -> ClipListing:
        """Reads the annotations and searches for the files of the clips.

        A clip that is listed twice with the same label and split counts once.

        Args:
            videos: Folder of the videos.
            annotations: Folder of the annotation files.
            split: The official split or version to read, one of `variants`; by default the first.

        Returns:
            The clips whose files exist, and under `missing` the others. `notes` name the links and
            folders that the search left out.

        Raises:
            DataError: If a folder or an annotation file is missing, an annotation file breaks
                the rules of its format, a label is not in the label map, a clip is listed with
                two labels or splits, or a split has no clip whose file exists.
        """
        videos, annotations = pathlib.Path(videos), pathlib.Path(annotations)
        for name, folder in (("videos", videos), ("annotations", annotations)):
            if not folder.is_dir():
                raise DataError(
                    f"`{name}` of {self.name} must be a folder. Received: {name}={str(folder)!r}, "
                    "which is not"
                )
        variant = self._check_variant(split)
        labels, annotated, task_classes = self.read_annotations(annotations, variant)
        locate, notes = self.locator(videos)
        found, missing = self._find_files(videos, locate, annotated)
        return ClipListing(
            found,
            labels,
            source=self.source(variant),
            missing=missing,
            published=self.published(variant),
            task_classes=task_classes,
            flip_pairs=self._pairs_within(labels),
            notes=tuple(notes),
        )

    @abc.abstractmethod
    def read_annotations(
        self, folder: pathlib.Path, variant: str | None
    ) -> tuple[LabelMap, Iterable[AnnotatedClip], dict[str, LabelMap]]:
        """Reads the annotation files.

        Args:
            folder: Folder of the annotation files.
            variant: One of `variants`, `None` if there are none.

        Returns:
            The label map, the annotated clips, and the label map of each task beside the action.

        Raises:
            DataError: If a file is missing or breaks the rules of its format.
        """

    @abc.abstractmethod
    def published(self, variant: str | None) -> dict[str, int]:
        """Returns for each split the number of clips that the authors state."""

    @abc.abstractmethod
    def source(self, variant: str | None) -> str:
        """Returns the name and version of the dataset, which the records hold."""

    def locator(self, videos: pathlib.Path) -> tuple[Callable[[str], str | None], list[str]]:
        """Returns a function from the official path of a file to its path, and notes.

        The path is relative to `videos`; it is `None` if the file does not exist. The notes name
        what the search for the files left out.
        """
        index = FileIndex(videos)
        return index.find, index.skipped

    def _check_variant(self, variant):
        if variant is None:
            return self.variants[0] if self.variants else None
        if variant not in self.variants:
            if self.variants:
                rule = f"must be one of {', '.join(self.variants)}"
            else:
                rule = "must be left out, because there is only one official split"
            raise DataError(f"`split` of {self.name} {rule}. Received: split={variant!r}")
        return variant

    def _find_files(self, videos, locate, annotated):
        seen, found, missing = {}, [], []
        for clip in annotated:
            file = locate(clip.file)
            path = clip.file if file is None else file
            data_path = path if clip.segment is None else f"{path}#{clip.segment}"
            source = ClipSource(
                str(videos / path),
                data_path,
                clip.label,
                clip.split,
                clip.start,
                clip.stop,
                self.frame_rate,
                clip.task_labels,
            )
            earlier, where = seen.setdefault(data_path, (source, clip.where))
            if earlier != source:
                raise DataError(
                    f"A clip must have one label and one split. Received: two for {data_path!r}, "
                    f"at {where} and at {clip.where}. Remove one of the lines."
                )
            if where == clip.where:
                (missing if file is None else found).append(source)
        self._check_splits(videos, found, missing)
        found.sort(key=lambda clip: clip.data_path)
        missing.sort(key=lambda clip: (clip.split, clip.data_path))
        return tuple(found), tuple(missing)

    def _check_splits(self, videos, found, missing):
        found_splits = {clip.split for clip in found}
        counts = collections.Counter(clip.split for clip in missing)
        for split, count in counts.items():
            if split not in found_splits:
                first = next(clip for clip in missing if clip.split == split)
                raise DataError(
                    "`videos` must hold at least one clip of each split. Received: "
                    f"videos={str(videos)!r}, which holds none of the {count} clips for "
                    f"`{split}`, such as `{first.data_path}`. Pass the folder that the videos were "
                    "unpacked to."
                )
        if not found_splits:
            raise DataError(
                f"The annotations of {self.name} must list clips. Received: files that list none"
            )

    def _pairs_within(self, labels):
        names = set(labels)
        for pair in self.flip_pairs:
            if len(names & set(pair)) == 1:
                raise DataError(
                    f"The label map of {self.name} must hold both classes of a left/right pair. "
                    f"Received: a label map with only one of {pair}. Use the official labels."
                )
        return tuple(pair for pair in self.flip_pairs if names >= set(pair))
