"""What the datasets of the papers have in common."""

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
    """A dataset whose annotations and videos are read as its authors publish them.

    Attributes:
        name: As in `trainers.prepare --dataset=NAME`.
        variants: Names of its official splits or versions, the default first; empty where
            there is one.
        flip_pairs: Names of the classes that swap when a clip is mirrored.
        frame_rate: Frames per second where a clip is a folder of frames.
    """

    name: str
    variants: tuple[str, ...] = ()
    flip_pairs: tuple[tuple[str, str], ...] = ()
    frame_rate: float | None = None

    def list_clips(
        self,
        videos: str | os.PathLike,
        annotations: str | os.PathLike,
        variant: str | None = None,
    ) -> ClipListing:
        """Reads the annotations and looks for the files.

        A clip that is listed twice alike counts once.

        Args:
            videos: Folder of the videos.
            annotations: Folder of the annotation files.
            variant: One of `variants`.

        Returns:
            The clips that are there, and those that are `missing`.

        Raises:
            DataError: When a folder or an annotation file is missing or breaks its rule, a label
                is not in the label map, a clip is listed twice unlike, or no clip of a split is
                there.
        """
        videos, annotations = pathlib.Path(videos), pathlib.Path(annotations)
        for folder, what in ((videos, "videos"), (annotations, "annotations")):
            if not folder.is_dir():
                raise DataError(
                    f"The {what} of {self.name} must be in a folder. Received `{folder}`, which is "
                    "not one."
                )
        variant = self._check_variant(variant)
        labels, annotated, part_labels = self.read_annotations(annotations, variant)
        found, missing = self._find_files(videos, annotated)
        return ClipListing(
            found,
            labels,
            source=self.source(variant),
            missing=missing,
            published=self.published(variant),
            part_labels=part_labels,
            flip_pairs=self._pairs_within(labels),
        )

    @abc.abstractmethod
    def read_annotations(
        self, folder: pathlib.Path, variant: str | None
    ) -> tuple[LabelMap, Iterable[AnnotatedClip], dict[str, LabelMap]]:
        """Returns the label map, the annotated clips, and the label maps of a class's parts."""

    @abc.abstractmethod
    def published(self, variant: str | None) -> dict[str, int]:
        """Returns the number of clips of each split that the authors publish."""

    @abc.abstractmethod
    def source(self, variant: str | None) -> str:
        """Returns name and version for the records."""

    def locator(self, videos: pathlib.Path) -> Callable[[str], str | None]:
        """Returns a function from a file's official path to where it is, `None` for nowhere."""
        return FileIndex(videos).find

    def _check_variant(self, variant):
        if variant is None:
            return self.variants[0] if self.variants else None
        if variant not in self.variants:
            rule = f"must be one of {', '.join(self.variants)}" if self.variants else (
                "must be left out, for there is one official split"
            )  # fmt: skip
            raise DataError(f"The split of {self.name} {rule}. Received {variant!r}.")
        return variant

    def _find_files(self, videos, annotated):
        locate = self.locator(videos)
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
                clip.parts,
            )
            earlier, where = seen.setdefault(data_path, (source, clip.where))
            if earlier != source:
                raise DataError(
                    f"A clip must have one label and one split. Received two for `{data_path}`, "
                    f"at {where} and at {clip.where}. Remove one of the lines."
                )
            if where == clip.where:
                (missing if file is None else found).append(source)
        self._check_splits(videos, found, missing)
        found.sort(key=lambda clip: clip.data_path)
        missing.sort(key=lambda clip: (clip.split, clip.data_path))
        return tuple(found), tuple(missing)

    def _check_splits(self, videos, found, missing):
        there = {clip.split for clip in found}
        counts = collections.Counter(clip.split for clip in missing)
        for split, count in counts.items():
            if split not in there:
                first = next(clip for clip in missing if clip.split == split)
                raise DataError(
                    f"At least one clip of each split must be there. Received `{videos}`, which "
                    f"holds none of the {count} clips for `{split}`; `{first.data_path}` is one. "
                    "Give the folder that the videos were unpacked to."
                )
        if not there:
            raise DataError(
                f"The annotations of {self.name} must list clips. Received files that list none."
            )

    def _pairs_within(self, labels):
        names = set(labels)
        for pair in self.flip_pairs:
            if len(names & set(pair)) == 1:
                raise DataError(
                    f"The label map of {self.name} must hold both classes of a left/right pair. "
                    f"Received one with only one of {pair}. Give the official labels."
                )
        return tuple(pair for pair in self.flip_pairs if names >= set(pair))
