import time

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data.records.record_faults import find_fault
from gsf_tf.data.records.record_parser import MAX_FRAME_PIXELS, parse_clip
from tests.data.damage_maker import damage_bytes
from tests.data.small_records import small_records

KEY = "clip/label/index"


@pytest.fixture(scope="module")
def record():
    return small_records(2, 3, num_frames=3)[1]


def edited(record, change):
    example = tf.train.SequenceExample.FromString(record)
    change(example.context.feature, example)
    return example.SerializeToString(deterministic=True)


def set_integers(key, *values):
    def change(context, example):
        context[key].Clear()
        context[key].int64_list.value.extend(values)

    return change


def jpegs_of(clip):
    data = clip["data"].numpy()
    places = zip(clip["offset"].numpy(), clip["size"].numpy(), strict=True)
    return [data[start : start + size] for start, size in places]


def test_a_clip(ops_path, record):
    clip, good = parse_clip(record, {KEY: 3})
    assert good and clip["media_id"] == b"clip1" and clip["labels"].numpy().tolist() == [1]
    assert clip["frame_size"].numpy().tolist() == [24, 32]
    example = tf.train.SequenceExample.FromString(record)
    frames = example.feature_lists.feature_list["image/encoded"].feature
    assert jpegs_of(clip) == [frame.bytes_list.value[0] for frame in frames]


def test_labels_come_in_the_order_asked_for(ops_path, record):
    record = edited(record, set_integers("verb/clip/label/index", 7))
    record = edited(record, set_integers("noun/clip/label/index", 2**31 - 2))
    limits = {"noun/clip/label/index": None, KEY: 2, "verb/clip/label/index": 8}
    clip, good = parse_clip(record, limits)
    assert good and clip["labels"].numpy().tolist() == [2**31 - 2, 1, 7]


def test_a_record_of_the_first_format(ops_path, record):
    def forget(context, example):
        del context["gsf_tf/frame_offset"], context["gsf_tf/frame_size"]

    whole, _ = parse_clip(record, {KEY: 3})
    clip, good = parse_clip(edited(record, forget), {KEY: 3})
    assert good
    assert jpegs_of(clip) == jpegs_of(whole) and len(jpegs_of(clip)) == 3


def forget_offsets(context, example):
    del context["gsf_tf/frame_offset"], context["gsf_tf/frame_size"]


def test_frames_of_the_first_format_are_where_their_fields_are(ops_path, record):
    """A search for their bytes would find them elsewhere, and take the square of their length."""
    frames = [b"a" * 600_000 + b"b", b"", b"a", b"a" * 200, b"", b"aab"]

    def change(context, example):
        forget_offsets(context, example)
        context["another"].bytes_list.value.append(b"a" * 600_000)
        features = example.feature_lists.feature_list["image/encoded"].feature
        del features[:]
        for frame in frames:
            features.add().bytes_list.value.append(frame)

    changed, start = edited(record, change), time.process_time()
    clip, good = parse_clip(changed, {KEY: 3})
    # A search takes some 10 seconds.
    assert time.process_time() - start < 3
    assert good and jpegs_of(clip) == frames


def field(number, content):
    """A field of bytes in the wire format."""
    length, size = b"", len(content)
    while size > 127:
        length, size = length + bytes([size % 128 + 128]), size // 128
    return bytes([8 * number + 2]) + length + bytes([size]) + content


def jpeg_field(jpeg):
    return field(1, field(1, field(1, jpeg)))


def lists_of(*frames):
    """The feature lists of a record, written by hand."""
    entry = field(1, b"image/encoded") + field(2, b"".join(frames))
    return field(2, field(1, entry))


ODD_LISTS = {
    "a feature of two values": lists_of(field(1, field(1, field(1, b"x") + field(1, b"y")))),
    "a feature without a value": lists_of(field(1, field(1, b""))),
    "a feature of another kind": lists_of(field(1, field(2, b""))),
    "the list twice": lists_of(jpeg_field(b"x")) + lists_of(jpeg_field(b"y")),
    "a length past the end": lists_of(jpeg_field(b"x"))[:-1],
    "a length of 2**63": b"\x12" + b"\xff" * 8 + b"\x7f",
    "a length without end": b"\x12" + b"\xff" * 11,
    "a group": b"\x13" + lists_of(jpeg_field(b"x")),
    "no list": b"",
}


@pytest.mark.parametrize("name", ODD_LISTS)
@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_odd_lists_of_the_first_format(ops_path, record, name):
    def change(context, example):
        forget_offsets(context, example)
        example.feature_lists.Clear()

    context = edited(record, change)
    # `feature_lists` is there, empty, after `Clear`.
    context = context.removesuffix(b"\x12\x00")
    clip, good = parse_clip(context + lists_of(jpeg_field(b"x"), jpeg_field(b"yz")), {KEY: 3})
    assert good and jpegs_of(clip) == [b"x", b"yz"]
    odd = context + ODD_LISTS[name]
    assert not parse_clip(odd, {KEY: 3})[1]
    assert find_fault(odd, {KEY: 3}) is not None


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_what_the_pipelines_refuse_has_a_reason(ops_path):
    records = [*small_records(1, 3), *small_records(1, 3, first_format=True)]
    rng, refused = np.random.default_rng(0), 0
    for number in range(150):
        damaged = damage_bytes(records[number % 2], rng)
        if not parse_clip(damaged, {KEY: 3})[1]:
            assert find_fault(damaged, {KEY: 3}) is not None
            refused += 1
    assert refused > 50


def remove(key):
    return lambda context, example: context.pop(key)


def remove_frames(context, example):
    del example.feature_lists.feature_list["image/encoded"]
    del context["gsf_tf/frame_offset"], context["gsf_tf/frame_size"]


BROKEN = {
    "no label": remove(KEY),
    "no width": remove("image/width"),
    "no name": remove("clip/media_id"),
    "two labels": set_integers(KEY, 1, 1),
    "no value": set_integers(KEY),
    "outside": set_integers(KEY, 3),
    "negative": set_integers(KEY, -1),
    "wraps around": set_integers(KEY, 2**32),
    "text as a label": lambda context, _: context[KEY].bytes_list.value.append(b"1"),
    "no height": set_integers("image/height", 0),
    "too many pixels": set_integers("image/height", MAX_FRAME_PIXELS // 32 + 1),
    "absurd": set_integers("image/height", 2**62),
    "fewer places": set_integers("gsf_tf/frame_offset", 0, 1),
    "only sizes": remove("gsf_tf/frame_offset"),
    "before": set_integers("gsf_tf/frame_offset", 0, 1, -(10**6)),
    "past the end": set_integers("gsf_tf/frame_offset", 0, 1, 10**6),
    "far": set_integers("gsf_tf/frame_offset", 0, 1, 2**63 - 1),
    "too long": set_integers("gsf_tf/frame_size", 1, 1, 10**6),
    "negative size": set_integers("gsf_tf/frame_size", 1, 1, -1),
    "far size": set_integers("gsf_tf/frame_size", 1, 1, 2**63 - 1),
    "no frames": remove_frames,
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_rules(ops_path, record, name):
    clip, good = parse_clip(edited(record, BROKEN[name]), {KEY: 3})
    assert not good
    assert clip["offset"].numpy().tolist() == clip["size"].numpy().tolist() == [0]


@pytest.mark.parametrize("size", [0, 1, 2, 5, 60, 400])
def test_cut_records(ops_path, record, size):
    _, good = parse_clip(record[:size], {KEY: 3})
    assert not good


def test_damaged_contexts_that_pass_are_read_alike(record):
    """A byte changed in each place of the context in turn."""
    from gsf_tf.ops import use_implementation

    limits, outcomes = {KEY: 3}, []
    positions = range(0, 700, 7)
    damaged = [
        record[:place] + bytes([record[place] ^ 1 << place % 8]) + record[place + 1 :]
        for place in positions
    ]
    for path in ("reference", "compiled"):
        with use_implementation(path):
            dataset = tf.data.Dataset.from_tensor_slices(damaged)
            dataset = dataset.map(lambda record: parse_clip(record, limits))
            outcomes.append([
                (bool(good), *(np.asarray(part).tolist() for name, part in sorted(clip.items())
                               if good and name != "data"))
                for clip, good in dataset
            ])  # fmt: skip
    # TensorFlow's parser and that of the protocol buffers notice different damage in keys that are
    # not needed.
    accepted = [pair for pair in zip(*outcomes, strict=True) if pair[0][0] and pair[1][0]]
    assert all(expected == actual for expected, actual in accepted)
    assert 10 < len(accepted) < len(damaged) - 10
