"""Settings of clips that must be whole numbers: True is none, nor is 1.0 or a text."""

import dataclasses

import numpy as np
import pytest

from gsf_tf.data import ClipLimits, DataError, RecordSettings
from gsf_tf.data.pipeline.clip_rule import ClipRule
from gsf_tf.data.pipeline.worker_share import WorkerShare
from gsf_tf.whole_numbers import is_whole

NO_WHOLE_NUMBERS = [True, False, 1.0, 1.5, float("nan"), "1", None, [1], 2**63, -(2**63)]
DENSE = {"num_segments": 2, "image_size": 8, "training": False, "sampling": "dense"}
ARGUMENTS = [
    (ClipLimits, {}, "max_clip_pixels"),
    *((RecordSettings, {}, f.name) for f in dataclasses.fields(RecordSettings) if f.type is int),
    *((ClipRule, DENSE, name) for name in ("num_segments", "frame_stride", "num_clips")),
    (ClipRule, DENSE, "num_crops"),
    *((WorkerShare, {}, name) for name in ("num_workers", "worker", "skip_batches", "batch_size")),
]


@pytest.mark.parametrize("make, others, name", ARGUMENTS, ids=lambda value: str(value))
def test_what_is_no_whole_number(make, others, name):
    for value in NO_WHOLE_NUMBERS:
        if name == "frame_stride" and value is None:
            continue
        with pytest.raises(DataError, match=f"`{name}` must be|and `{name}` one in"):
            make(**{**others, name: value})


def test_seconds_are_a_number():
    for value in (True, False, "1", None, float("nan"), float("inf"), 0, -1):
        with pytest.raises(DataError, match="`max_clip_seconds` must be a number"):
            ClipLimits(max_clip_seconds=value)
    assert ClipLimits(max_clip_seconds=1).max_clip_seconds == 1


def test_whole_numbers():
    assert is_whole(1, 1) and is_whole(np.int64(3), 0, 3) and is_whole(2**63 - 1, 0)
    for value in (np.bool_(True), np.float64(1), np.array([1, 2])):
        assert not is_whole(value, 0)
    assert ClipRule(**DENSE, frame_stride=np.int32(2)).frame_stride == 2
