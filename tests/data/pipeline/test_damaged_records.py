import collections
import logging
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data import DamageLog, DataError, reports_damage, video_dataset_from_records
from gsf_tf.data.records import record_framing
from tests import exhaustive
from tests.data import fuzz_records
from tests.data.damage_maker import edit, read_shard, remove_frames, with_length, write_shard
from tests.data.small_records import describe_records, small_records, write_small_records
from tests.fuzzing import watch

NUM_CLIPS = 6


@pytest.fixture
def shards(tmp_path):
    """Two shards of six clips."""
    folder = tmp_path / "Übung 'a' \\b"
    folder.mkdir()
    return write_small_records(folder, NUM_CLIPS, 3, num_shards=2)


def read(shards, batch_size=4, **options):
    return video_dataset_from_records(
        list(map(str, shards)), 2, batch_size, image_size=(16, 16), clip_ids=True, **options
    )


def ids_of(dataset):
    """Returns (shard number, place) of each clip."""
    names = [name.decode().split(" ")[0] for *_, ids in dataset for name in ids.numpy()]
    return [(int(name[6:11]), int(name.split(":")[1])) for name in names]


def offset_of(place):
    return sum(len(record) + 16 for record in small_records(NUM_CLIPS, 3)[:place])


def set_byte(shift):
    def damage(path, place):
        data = bytearray(path.read_bytes())
        data[offset_of(place) + shift] ^= 64
        path.write_bytes(bytes(data))

    return damage


def set_length(length):
    """Announces a length, with the checksum that fits it."""

    def damage(path, place):
        path.write_bytes(with_length(path.read_bytes(), offset_of(place), length))

    return damage


def truncate(shift):
    def damage(path, place):
        path.write_bytes(path.read_bytes()[: offset_of(place) + shift])

    return damage


def set_number(key, value):
    return edit(lambda context, frames: context[key].int64_list.value.__setitem__(0, value))


def announce(context, frames):
    for frame in frames:
        jpeg = bytearray(frame.bytes_list.value[0])
        size = jpeg.index(b"\xff\xc0") + 5
        jpeg[size : size + 4] = (65500).to_bytes(2, "big") * 2
        frame.bytes_list.value[0] = bytes(jpeg)


def cut_jpegs(context, frames):
    for frame in frames:
        frame.bytes_list.value[0] = frame.bytes_list.value[0][:-100] + bytes(100)


def write_no_message(path, place):
    records = read_shard(path)
    records[place] = b"\x0a" + b"\xff" * 20
    write_shard(path, records)


# Each with what is said of it, and how many clips of the shard are gone from record 2 on.
DAMAGE = {
    "flipped byte": (set_byte(100), "does not match its checksum", 1),
    "flipped length": (set_byte(3), "its length is damaged", 4),
    "absurd length": (set_length(2**40), f"ends after .* of its {2**40 + 16} bytes", 4),
    "largest length": (set_length(2**64 - 1), f"ends after .* of its {2**64 + 15} bytes", 4),
    "cut in a record": (truncate(50), "ends after 50 of its", 4),
    "cut in a header": (truncate(5), "ends after 5 bytes of it", 4),
    "cut between records": (truncate(0), "should have 6 clips, and the file ends", 4),
    "label outside": (set_number("clip/label/index", 3), "is 3, which is outside the 3 classes", 1),
    "negative label": (set_number("clip/label/index", -1), "outside the 3 classes", 1),
    "wrong height": (
        set_number("image/height", 25), "announces 32 x 24 pixels, and the record 32 x 25", 1
    ),
    "absurd size": (set_number("image/height", 10**9), "have 32 x 1000000000 pixels", 1),
    "absurd JPEG": (edit(announce), "frame 0 announces 65500 x 65500 pixels", 1),
    "damaged JPEG": (edit(cut_jpegs), "frame 0 is a damaged JPEG", 1),
    "no frames": (edit(remove_frames), "it has no frames", 1),
    "no height": (edit(lambda context, _: context.pop("image/height")), "one value under", 1),
    "no offsets": (
        edit(lambda context, _: context.pop("gsf_tf/frame_offset")),
        "are not at the bytes that .* name",
        1,
    ),
    "no message": (write_no_message, "it is not a SequenceExample", 1),
}  # fmt: skip


def test_every_kind_of_damage_is_named_and_left_out(tmp_path, caplog):
    shards = write_small_records(tmp_path, NUM_CLIPS, 3, num_shards=len(DAMAGE))
    for shard, (damage, _, _) in zip(shards, DAMAGE.values(), strict=True):
        damage(shard, 2)
    log = DamageLog()
    dataset = read(shards, on_error="skip", damage=log)
    with caplog.at_level(logging.WARNING):
        found = ids_of(dataset)
        assert sorted(ids_of(dataset)) == sorted(found)
    expected, offset = [], offset_of(2)
    for number, (_, message, missing) in enumerate(DAMAGE.values()):
        expected += [(number, place) for place in range(6) if not 2 <= place < 2 + missing]
        (record,) = (record for record in log.records if record.file == str(shards[number]))
        assert (record.index, record.offset, record.clips) == (2, offset, missing)
        assert re.search(message, record.reason)
    assert sorted(found) == expected
    assert dataset.damage is log and log.clips == 6 * len(shards) - len(found)
    assert caplog.text.count("A damaged record is left out") == len(shards)


@pytest.mark.parametrize(
    "name", ["flipped byte", "absurd length", "cut in a record", "absurd JPEG", "no message"]
)
def test_damage_stops_with_its_place(shards, name):
    damage, message, _ = DAMAGE[name]
    damage(shards[1], 2)
    with pytest.raises(DataError, match=message) as error, reports_damage():
        list(read(shards))
    assert f"record 2 of `{shards[1]}`, at byte {offset_of(2)}: " in str(error.value)
    assert "on_error" in str(error.value)


def test_two_damaged_records_of_a_shard(shards):
    for place in (0, 3):
        set_byte(100)(shards[0], place)
    truncate(50)(shards[1], 5)
    dataset = read(shards, on_error="skip")
    expected = {(0, place) for place in (1, 2, 4, 5)} | {(1, place) for place in range(5)}
    assert set(ids_of(dataset)) == expected
    assert dataset.damage.clips == 3
    assert sorted(record.index for record in dataset.damage.records) == [0, 3, 5]


def test_many_damaged_records_are_found_one_by_one(tmp_path):
    """Damaged contents at every other place, and wrong checksums at every third."""
    count = 120
    records = [
        record.replace(b"image/height", b"image/weight") if place % 2 else record
        for place, record in enumerate(small_records(6, 3) * (count // 6))
    ]
    shard = tmp_path / "train-00000-of-00001.tfrecord"
    write_shard(shard, records)
    data, offsets = bytearray(shard.read_bytes()), [0]
    for place, record in enumerate(records):
        data[offsets[-1] + 100] ^= 1 if place % 3 == 0 else 0
        offsets.append(offsets[-1] + len(record) + 16)
    shard.write_bytes(data)
    describe_records(tmp_path, {shard.name: count}, 3)
    log = DamageLog()
    dataset = read([shard], on_error="skip", damage=log)
    intact = [place for place in range(count) if place % 2 == 0 and place % 3]
    for _ in range(2):
        assert sorted(place for _, place in ids_of(dataset)) == intact
    found = {record.index: (record.offset, record.reason) for record in log.records}
    assert len(found) == len(log.records) == count - len(intact)
    for place, (offset, reason) in found.items():
        expected = "checksum" if place % 3 == 0 else "one value under `image/height`"
        assert offset == offsets[place] and expected in reason


def test_lengths_before_a_damaged_content_are_read_once(shards, monkeypatch):
    """Otherwise many damaged records of a shard would take the square of the time."""
    for place in range(NUM_CLIPS):
        edit(cut_jpegs)(shards[0], place)
    calls = collections.Counter()
    real = record_framing.find_records

    def counted(file, offset, most):
        calls[file, most] += 1
        return real(file, offset, most)

    monkeypatch.setattr(record_framing, "find_records", counted)
    dataset = read(shards[:1], on_error="skip")
    assert ids_of(dataset) == [] and dataset.damage.clips == NUM_CLIPS
    assert calls[str(shards[0]), None] == 1


def test_without_dataset_info(shards):
    (shards[0].parent / "dataset_info.json").unlink()
    assert len(ids_of(read(shards))) == 12
    set_byte(100)(shards[0], 1)
    truncate(50)(shards[1], 4)
    with pytest.raises(DataError, match="checksum|ends after 50"), reports_damage():
        list(read(shards))
    dataset = read(shards, on_error="skip")
    assert set(ids_of(dataset)) == {(0, place) for place in (0, 2, 3, 4, 5)} | {
        (1, place) for place in range(4)
    }


def test_more_clips_than_there_should_be(shards):
    write_shard(shards[0], [*read_shard(shards[0]), read_shard(shards[0])[0]])
    with pytest.raises(DataError, match="should have 6 clips, and the file goes on"):
        with reports_damage():
            list(read(shards))
    assert len(ids_of(read(shards, on_error="skip"))) == 12


def test_a_shard_that_vanishes(shards):
    for options in ({}, {"on_error": "skip"}):
        dataset = read(shards, **options)
        moved = shards[1].rename(shards[1].with_suffix(".away"))
        with pytest.raises(DataError, match="does not exist"), reports_damage():
            list(dataset)
        moved.rename(shards[1])


def test_training_goes_on_with_smaller_batches(shards):
    """Batches stay what they were, without the damaged clips: a resume and all workers agree."""
    edit(cut_jpegs)(shards[0], 1)
    set_byte(100)(shards[1], 4)
    options = {"training": True, "epoch": 1, "on_error": "skip", "shuffle_buffer": 12,
               "augmentation": {"mixup": 0.4}}  # fmt: skip
    whole = [(clips.numpy(), ids.numpy()) for clips, _, ids in read(shards, 3, **options)]
    # Eleven records have whole frames; a batch of three is left out at the end.
    assert sorted(len(ids) for _, ids in whole) in ([2, 3, 3], [3, 3, 3])
    resumed = [clips.numpy() for clips, *_ in read(shards, 3, skip_batches=1, **options)]
    for (clips, _), other in zip(whole[1:], resumed, strict=True):
        np.testing.assert_array_equal(clips, other)


def test_batches_without_a_clip_are_left_out(shards):
    edit(cut_jpegs)(shards[0], 1)
    assert len(list(read(shards, 1, on_error="skip"))) == 11


@pytest.mark.parametrize(
    ("num_workers", "numbers"),
    exhaustive.cases([(1, [[2, 3, 4]]), (2, [[1], [0, 1]])], lambda case: case[0] == 2),
)
def test_the_number_of_a_batch_says_where_to_go_on(shards, num_workers, numbers):
    """The first batches of a worker are left out whole, and one clip before batches are made."""
    options = {"training": True, "epoch": 3, "num_workers": num_workers, "shuffle_buffer": 12,
               "on_error": "skip"}  # fmt: skip
    set_byte(100)(shards[1], 4)
    order = ids_of(read(shards, 2, **options))
    set_byte(100)(shards[1], 4)  # For `edit`, which reads the shard.
    for number, place in order[: 2 * numbers[0][0]]:
        edit(remove_frames)(shards[number], place)
    set_byte(100)(shards[1], 4)

    def batches(worker, skip_batches):
        options.update(worker=worker, skip_batches=skip_batches, batch_numbers=True)
        dataset = read(shards, 2, **options)
        return [(int(number), clips.numpy()) for clips, _, _, number in dataset]

    for worker in range(num_workers):
        whole = batches(worker, skip_batches=0)
        assert [number for number, _ in whole] == numbers[worker]
        resumed = batches(worker, skip_batches=whole[0][0] + 1)
        for (number, clips), (expected_number, expected) in zip(resumed, whole[1:], strict=True):
            assert number == expected_number
            np.testing.assert_array_equal(clips, expected)


def test_fit_names_the_record(shards):
    set_byte(100)(shards[1], 5)
    model = keras.Sequential([keras.layers.GlobalAveragePooling3D(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    dataset = video_dataset_from_records(list(map(str, shards)), 2, 4, image_size=(16, 16))
    with pytest.raises(DataError, match="record 5 of"), reports_damage():
        model.fit(dataset, verbose=0)


def test_other_errors_stay_as_they_are():
    with pytest.raises(tf.errors.InvalidArgumentError), reports_damage():
        tf.debugging.assert_equal(tf.constant(1), 2)


def test_records_of_the_first_format(shards):
    """Records without the offsets of their frames give the same clips."""
    clips = [clip for clip, *_ in read(shards)]

    def forget_offsets(context, frames):
        del context["gsf_tf/frame_offset"], context["gsf_tf/frame_size"]

    for place in range(NUM_CLIPS):
        edit(forget_offsets)(shards[0], place)
    assert b"frame_offset" not in shards[0].read_bytes()
    for clip, (other, *_) in zip(clips, read(shards), strict=True):
        np.testing.assert_array_equal(clip, other)


def test_wrong_offsets_of_frames(shards):
    def move(context, frames):
        offsets = context["gsf_tf/frame_offset"].int64_list.value
        offsets[:] = [offset + 1 for offset in offsets]

    edit(move)(shards[0], 3)
    with pytest.raises(DataError, match="frames are not at the bytes"), reports_damage():
        list(read(shards))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"on_error": "ignore"}, "'ignore'"),
        ({"on_error": "skip", "service": "grpc://a:1"}, "'skip'"),
    ],
)
def test_arguments_that_break_a_rule(shards, options, message):
    with pytest.raises(DataError, match=message):
        read(shards, **options)


def test_fuzzed_records(tmp_path):
    """More in `python -m tests.data.fuzz_records`."""
    outcomes = [outcome for _, _, outcome in watch(fuzz_records.PROGRAM, 20000, 60, 60, 300)]
    assert len(outcomes) == 60 and set(outcomes) == {"valid", "reported"}
