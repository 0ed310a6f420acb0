import dataclasses
import hashlib

import pytest

from gsf_tf.data import (
    ClipLimits,
    RecordSettings,
    list_video_folder,
    split_for_validation,
    write_records,
)
from gsf_tf.data.writing import record_plan as record_plan_module
from gsf_tf.data.writing.record_plan import RecordPlan


@pytest.fixture(scope="module")
def listing(video_folder):
    return split_for_validation(list_video_folder(video_folder), 0.2)


@pytest.mark.parametrize("clips_per_shard", [1, 3, 100])
def test_every_clip_is_in_one_shard(listing, clips_per_shard):
    plan = RecordPlan.of(listing, RecordSettings(clips_per_shard=clips_per_shard))
    shards = plan.shards(listing)
    assert sorted(clip.data_path for shard in shards for clip in shard.clips) == [
        clip.data_path for clip in listing.clips
    ]
    assert all(clip.split == shard.split for shard in shards for clip in shard.clips)
    assert all(0 < len(shard.clips) <= clips_per_shard for shard in shards)


def test_plan_does_not_depend_on_the_order_of_the_clips(listing):
    plan = RecordPlan.of(listing, RecordSettings(clips_per_shard=3))
    turned = dataclasses.replace(listing, clips=listing.clips[::-1])
    assert plan.shards(turned) == plan.shards(listing)
    other = RecordPlan.of(listing, RecordSettings(clips_per_shard=3, seed=1))
    assert other.shards(listing) != plan.shards(listing)


def test_the_order_of_the_clips_is_that_of_the_digests_of_seed_and_name(listing):
    plan = RecordPlan.of(listing, RecordSettings(seed=5))
    clips = [dataclasses.replace(listing.clips[0], data_path=str(number)) for number in range(999)]
    order = sorted(range(999), key=lambda n: hashlib.sha256(f"5:{n}".encode()).hexdigest())
    assert [clip.data_path for clip in plan.in_order(clips)] == list(map(str, order))


@pytest.mark.parametrize(
    "megabytes, shards", [(1, 1), (190, 1), (200, 2), (320, 2), (330, 3), (13_000, 100)]
)
def test_shards_are_100_to_200_megabytes(listing, megabytes, shards):
    clips = tuple(
        dataclasses.replace(listing.clips[0], data_path=str(number), split=None)
        for number in range(1000)
    )
    many = dataclasses.replace(listing, clips=clips)
    plan = dataclasses.replace(RecordPlan.of(many, RecordSettings()), clip_bytes=megabytes * 1e3)
    planned = plan.shards(many)
    assert len(planned) == shards
    if megabytes >= 130:
        sizes = [len(shard.clips) * megabytes / 1000 for shard in planned]
        assert all(97 < size < 200 for size in sizes)


def test_size_is_measured_the_same_with_any_workers(listing, tmp_path, monkeypatch):
    monkeypatch.setattr(record_plan_module, "SHARD_BYTES", 30e3)
    infos = [
        write_records(listing, str(tmp_path / str(workers)), RecordSettings(), workers=workers)
        for workers in (1, 3)
    ]
    assert infos[0] == infos[1]
    train = infos[0].splits["train"]
    assert len(train["shards"]) == round(train["bytes"] / 30e3) > 2


def test_a_folder_of_a_version_without_limits_has_the_default_ones(listing):
    plain = RecordPlan.of(listing, RecordSettings())
    limited = RecordPlan.of(listing, RecordSettings(max_clip_seconds=5, max_clip_pixels=10**9))
    limits = dataclasses.asdict(ClipLimits())
    old = {name: value for name, value in plain.settings.items() if name not in limits}
    before = dataclasses.replace(plain, settings=old)
    assert plain.differences_to(before) == before.differences_to(plain) == []
    for begun in (plain, before):
        pixels, seconds = sorted(limited.differences_to(begun))
        assert pixels == "max_clip_pixels: 300000000000 in the folder, 1000000000 now"
        assert seconds == "max_clip_seconds: 600.0 in the folder, 5 now"
