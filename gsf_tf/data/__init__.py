"""Videos, records and pipelines: from files to `(clip, label)`.

Names are imported when they are first used, so that a worker process that only decodes
videos does not load TensorFlow.
"""

import importlib

_MODULES = {
    "Augmentation": "augmentation.augmentation",
    "ClipListing": "clip_listing",
    "ClipSource": "clip_source",
    "DamageLog": "damage_log",
    "DamagedRecord": "damaged_record",
    "DataError": "data_error",
    "DatasetInfo": "dataset_info",
    "FlipRule": "flip_rule",
    "FrameFolder": "frame_folder",
    "LabelMap": "label_map",
    "OFFICIAL_DATASETS": "datasets",
    "QuarantinedClip": "quarantined_clip",
    "RecordSettings": "record_settings",
    "VideoError": "video_error",
    "VideoInfo": "video_info",
    "contact_sheet": "clip_sheet",
    "find_complete_records": "record_folder",
    "frames_to_clip": "single_clip",
    "inspect_records": "record_inspection",
    "list_annotated_videos": "video_list",
    "list_video_folder": "video_folder",
    "probe": "video_file",
    "read_frames": "video_file",
    "reports_damage": "damage_report",
    "read_quarantine": "record_folder",
    "split_for_validation": "validation_split",
    "spread_segment_indices": "sampling",
    "test_dense_indices": "sampling",
    "test_segment_indices": "sampling",
    "train_dense_indices": "sampling",
    "train_segment_indices": "sampling",
    "video_dataset_from_directory": "directory_dataset",
    "video_dataset_from_records": "records_dataset",
    "write_records": "record_folder",
}

__all__ = list(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
