from gsf_tf.data import read_quarantine
from gsf_tf.data.writing.left_out_clips import read_missing


def missing_videos(records, info, split, damage=()):
    """Returns the videos of a split that were not scored, with the reasons.

    Args:
        records: Folder of the records.
        info: Its `DatasetInfo`.
        split: Name of the split.
        damage: Every `DamagedRecord` that was left out while reading.

    Returns:
        A dictionary that can be written as JSON: `published`, the number of videos of the official
        split, None if no number was published; `missing`, the `data_path` of videos whose files did
        not exist; `quarantined`, path and reason of videos that could not be decoded; `damaged`,
        the records that could not be read; and `damaged_clips`, the number of videos in them.
    """
    counts = info.splits[split]
    missing, quarantined = [], []
    if counts.get("missing"):
        missing = [path for where, path in read_missing(records) if where == split]
    if counts.get("quarantined"):
        quarantined = [
            {"path": clip.path, "reason": clip.reason}
            for clip in read_quarantine(records)
            if clip.split == split
        ]
    return {
        "published": counts.get("published"),
        "missing": missing,
        "quarantined": quarantined,
        "damaged": [str(record) for record in damage],
        "damaged_clips": sum(record.clips for record in damage),
    }
