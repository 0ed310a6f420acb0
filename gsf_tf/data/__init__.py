"""Videos, records and pipelines: from files to `(clip, label)`.

Names are imported when they are first used, so that a worker process that only decodes
videos does not load TensorFlow.
"""

import importlib

_MODULES = {
    "Augmentation": "gsf_tf.data.pipeline.augmentation.augmentation",
    "ClipListing": "gsf_tf.data.listing.clip_listing",
    "ClipSource": "gsf_tf.data.listing.clip_source",
    "DamageLog": "gsf_tf.data.records.damage_log",
    "DamagedRecord": "gsf_tf.data.records.damage_log",
    "DataError": "gsf_tf.errors",
    "DatasetInfo": "gsf_tf.data.records.dataset_info",
    "FlipRule": "gsf_tf.data.pipeline.flip_rule",
    "FrameFolder": "gsf_tf.data.video.frame_folder",
    "LabelMap": "gsf_tf.data.listing.label_map",
    "OFFICIAL_DATASETS": "gsf_tf.data.listing.datasets",
    "QuarantinedClip": "gsf_tf.data.writing.finished_shard",
    "RecordSettings": "gsf_tf.data.records.record_settings",
    "VideoError": "gsf_tf.errors",
    "VideoInfo": "gsf_tf.data.video.video_file",
    "contact_sheet": "gsf_tf.data.inspection.clip_sheet",
    "find_complete_records": "gsf_tf.data.writing.record_folder",
    "frames_to_clip": "gsf_tf.data.pipeline.single_clip",
    "inspect_records": "gsf_tf.data.inspection.record_inspection",
    "list_annotated_videos": "gsf_tf.data.listing.video_list",
    "list_video_folder": "gsf_tf.data.listing.video_folder",
    "probe": "gsf_tf.data.video.video_file",
    "read_frames": "gsf_tf.data.video.video_file",
    "reports_damage": "gsf_tf.data.records.damage_report",
    "read_quarantine": "gsf_tf.data.writing.record_folder",
    "split_for_validation": "gsf_tf.data.listing.validation_split",
    "spread_segment_indices": "gsf_tf.data.pipeline.sampling",
    "test_dense_indices": "gsf_tf.data.pipeline.sampling",
    "test_segment_indices": "gsf_tf.data.pipeline.sampling",
    "train_dense_indices": "gsf_tf.data.pipeline.sampling",
    "train_segment_indices": "gsf_tf.data.pipeline.sampling",
    "video_dataset_from_directory": "gsf_tf.data.pipeline.directory_dataset",
    "video_dataset_from_records": "gsf_tf.data.pipeline.records_dataset",
    "write_records": "gsf_tf.data.writing.record_folder",
}

__all__ = list(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
