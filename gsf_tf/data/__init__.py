"""Videos, records and pipelines: from files to `(clip, label)`.

Names are imported when they are first used, so that a worker process that only decodes
videos does not load TensorFlow.
"""

from typing import TYPE_CHECKING

from gsf_tf.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from gsf_tf.data.inspection.clip_lengths import read_clip_lengths
    from gsf_tf.data.inspection.clip_sheet import contact_sheet
    from gsf_tf.data.inspection.record_inspection import inspect_records
    from gsf_tf.data.listing.clip_listing import ClipListing
    from gsf_tf.data.listing.clip_source import ClipSource
    from gsf_tf.data.listing.datasets import OFFICIAL_DATASETS
    from gsf_tf.data.listing.label_map import LabelMap
    from gsf_tf.data.listing.validation_split import split_for_validation
    from gsf_tf.data.listing.video_folder import list_video_folder
    from gsf_tf.data.listing.video_list import list_annotated_videos
    from gsf_tf.data.pipeline.augmentation.augmentation import Augmentation
    from gsf_tf.data.pipeline.directory_dataset import video_dataset_from_directory
    from gsf_tf.data.pipeline.flip_rule import FlipRule
    from gsf_tf.data.pipeline.records_dataset import video_dataset_from_records
    from gsf_tf.data.pipeline.sampling import (
        spread_segment_indices,
        test_dense_indices,
        test_segment_indices,
        train_dense_indices,
        train_segment_indices,
    )
    from gsf_tf.data.pipeline.single_clip import frames_to_clip
    from gsf_tf.data.records.damage_log import DamagedRecord, DamageLog
    from gsf_tf.data.records.damage_report import reports_damage
    from gsf_tf.data.records.dataset_info import DatasetInfo
    from gsf_tf.data.records.record_settings import RecordSettings
    from gsf_tf.data.video.clip_limits import ClipLimits
    from gsf_tf.data.video.clip_process import ClipProcess
    from gsf_tf.data.video.frame_folder import FrameFolder
    from gsf_tf.data.video.video_file import VideoInfo, probe, read_frames
    from gsf_tf.data.writing.finished_shard import QuarantinedClip
    from gsf_tf.data.writing.left_out_clips import read_quarantine
    from gsf_tf.data.writing.record_folder import find_complete_records, write_records
    from gsf_tf.errors import DataError, VideoError

__all__ = [
    "Augmentation",
    "ClipLimits",
    "ClipListing",
    "ClipProcess",
    "ClipSource",
    "DamageLog",
    "DamagedRecord",
    "DataError",
    "DatasetInfo",
    "FlipRule",
    "FrameFolder",
    "LabelMap",
    "OFFICIAL_DATASETS",
    "QuarantinedClip",
    "RecordSettings",
    "VideoError",
    "VideoInfo",
    "contact_sheet",
    "find_complete_records",
    "frames_to_clip",
    "inspect_records",
    "list_annotated_videos",
    "list_video_folder",
    "probe",
    "read_clip_lengths",
    "read_frames",
    "read_quarantine",
    "reports_damage",
    "split_for_validation",
    "spread_segment_indices",
    "test_dense_indices",
    "test_segment_indices",
    "train_dense_indices",
    "train_segment_indices",
    "video_dataset_from_directory",
    "video_dataset_from_records",
    "write_records",
]

__getattr__, __dir__ = lazy_imports(__name__)
