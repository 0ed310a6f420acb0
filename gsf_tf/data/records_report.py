"""What was found in a folder of records."""

import collections
import dataclasses

from gsf_tf.data.damaged_record import DamagedRecord
from gsf_tf.data.sampled_clip import SampledClip


@dataclasses.dataclass
class RecordsReport:
    """Counts of what the shards hold, taken from the records themselves.

    Attributes:
        labels: Class names in order, as `dataset_info.json` has them.
        clips: Number of clips of each split.
        frames: Number of clips of each number of frames, for each split.
        shapes: Number of clips of each (height, width), over all splits.
        frame_rates: Number of clips of each frame rate, rounded to 0.01, over all splits.
        label_counts: Number of clips of each class index, for each split.
        damage: The damaged records of each split, in their order. The other attributes are of
            the whole records.
        same_content: Groups of clips, each (split, `data_path`), whose frames are the same bytes.
        problems: Sentences on what contradicts `dataset_info.json` or itself.
        sample: Some clips, with frames to look at.
    """

    labels: list[str]
    clips: dict[str, int]
    frames: dict[str, collections.Counter]
    shapes: collections.Counter
    frame_rates: collections.Counter
    label_counts: dict[str, collections.Counter]
    damage: dict[str, list[DamagedRecord]]
    same_content: list[list[tuple[str, str]]]
    problems: list[str]
    sample: list[SampledClip]

    @property
    def missing(self) -> dict[str, int]:
        """How many clips of each split are missing by damage."""
        return {
            split: sum(record.clips for record in records) for split, records in self.damage.items()
        }

    @property
    def duplicates(self) -> list[list[tuple[str, str]]]:
        """Groups with clips that are in one split more than once."""
        return [group for group in self.same_content if len(group) > len(dict(group))]

    @property
    def leaks(self) -> list[list[tuple[str, str]]]:
        """Groups that are in more than one split: clips to test on that were trained on."""
        return [group for group in self.same_content if len(dict(group)) > 1]

    def as_dict(self) -> dict:
        """Returns everything but the pictures, for a JSON file."""
        return {
            "clips": self.clips,
            "frames": {
                split: dict(sorted(counts.items())) for split, counts in self.frames.items()
            },
            "shapes": {f"{h}x{w}": count for (h, w), count in self.shapes.most_common()},
            "frame_rates": {str(rate): count for rate, count in self.frame_rates.most_common()},
            "label_counts": {
                split: {name: counts[index] for index, name in enumerate(self.labels)}
                for split, counts in self.label_counts.items()
            },
            "missing": self.missing,
            "damage": {
                split: [dataclasses.asdict(record) for record in records]
                for split, records in self.damage.items()
            },
            "duplicates": self.duplicates,
            "leaks": self.leaks,
            "problems": self.problems,
        }
