"""Calls the ops with arguments of all kinds until something but a result or an error comes out.

  python -m tests.ops.fuzz_ops --cases=10000 --seed=0

Case N is a call that is drawn with the seed N: of a public function or of an op itself, on the
compiled path, with sizes that are right, wrong or absurd, and with odd values. The call must give
tensors of the shape that its arguments ask for, or end in an error that the documentation names.
The calls run in child processes under a limit of time and, without sanitizers, of memory; when one
crashes or hangs, its cases are tried one by one, and the culprit is named. `.ci/sanitize` runs
calls with the kernels under AddressSanitizer and UndefinedBehaviorSanitizer.
"""

import json
import os
import resource
import tempfile

import numpy as np
import tensorflow as tf
from absl import app

from gsf_tf import ops
from gsf_tf.data.records.record_parser import parse_clip
from gsf_tf.ops import library
from gsf_tf.ops.count_records import count_records
from tests.data.damage_maker import damage_bytes
from tests.data.small_records import small_records
from tests.fuzzing import define_flags, run

PROGRAM = ["-m", "tests.ops.fuzz_ops"]

# What a call may raise: an attribute of the wrong type or size is refused by TensorFlow itself.
ERRORS = (ValueError, TypeError, OverflowError, tf.errors.OpError)

ABSURD = [-(2**63), -(2**31), -1, 0, 2**15, 2**25 + 1, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1]
DTYPES = ["float32", "float32", "float64", "float16", "bfloat16"]
ODD_VALUES = [np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-40, 2.0**31, -(2.0**63), 0.5, -1.5]
MEMORY_BYTES = 8 * 2**30


class Draws:
    """Draws arguments of a call, of which about every eighth is wrong or absurd."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def chance(self, part):
        return self.rng.random() < part

    def one_of(self, values):
        return values[self.rng.integers(len(values))]

    def size(self, most, least=0):
        """A small number, or an absurd one."""
        if self.chance(0.05):
            return self.one_of(ABSURD)
        return int(self.rng.integers(least, most + 1))

    def tensor(self, shape, dtype):
        """Noise, perhaps with odd values, or with another shape."""
        shape = list(shape)
        if shape and self.chance(0.03):
            shape[self.rng.integers(len(shape))] = int(self.rng.integers(0, 6))
        elif self.chance(0.01):
            shape = shape[1:]
        values = self.rng.normal(size=shape, scale=self.one_of([0.3, 1, 3]))
        if self.chance(0.2):
            odd = self.rng.random(shape) < 0.2
            values = np.where(odd, self.rng.choice(ODD_VALUES, size=shape), values)
        with np.errstate(all="ignore"):
            return tf.cast(tf.constant(values), dtype)

    def clip(self):
        """Frames `[N, H, W, C]`, and how many there are per clip."""
        segments = self.size(5, 1)
        per_clip = segments if 1 <= segments <= 5 else 3
        frames = per_clip * int(self.rng.integers(0, 3))
        height, width = self.rng.integers(0, 9, 2)
        channels = self.one_of([1, 3, 4, 8, 12, 20, 33, 40])
        dtype = self.one_of(DTYPES)
        return self.tensor([frames, height, width, channels], dtype), segments


def shift_in_time(draws):
    x, segments = draws.clip()
    fold = draws.size(6)
    if draws.chance(0.5):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = ops.temporal_shift(x, segments, fold)
        tape.gradient(y, x)
    else:
        y = library.raw_op("temporal_shift")(
            x, num_segments=segments, fold=fold, reverse=draws.chance(0.5)
        )
    assert y.shape == x.shape and y.dtype == x.dtype


def shift_by_channel(draws):
    x, segments = draws.clip()
    computed = "float64" if x.dtype == tf.float64 else "float32"
    shift = draws.tensor([draws.one_of([2, 3]), x.shape[-1] if x.shape.rank else 1], computed)
    strides = [draws.size(4, 1) for _ in range(3)]
    if draws.chance(0.7):
        strides[0] = 1
    mode = draws.one_of(["interpolated", "quantized"])
    if draws.chance(0.5):
        with tf.GradientTape() as tape:
            tape.watch([x, shift])
            y = ops.rubiks_shift(x, shift, segments, tuple(strides), mode)
        gradients = tape.gradient(y, [x, shift])
    else:
        arguments = {
            "num_segments": segments, "strides": strides, "quantized": mode == "quantized"
        }  # fmt: skip
        y = library.raw_op("rubiks_shift")(x, shift, **arguments)
        y_gradient = draws.tensor(y.shape, y.dtype)
        gradients = library.raw_op("rubiks_shift_gradient")(x, shift, y_gradient, **arguments)
    assert [part.shape for part in gradients] == [x.shape, shift.shape]


def shift_and_multiply(draws):
    x, segments = draws.clip()
    computed = "float64" if x.dtype == tf.float64 else "float32"
    channels, filters = x.shape[-1] if x.shape.rank else 1, draws.one_of([1, 3, 8, 16, 20, 40, 0])
    shift = draws.tensor([draws.one_of([2, 3]), channels], computed)
    kernel = draws.tensor([channels, filters], computed)
    strides = [draws.size(4, 1) if draws.chance(0.3) else 1 for _ in range(3)]
    arguments = {"num_segments": segments, "strides": strides, "quantized": draws.chance(0.5)}
    with tf.GradientTape() as tape:
        tape.watch([x, shift, kernel])
        run = library.raw_op("rubiks_shift_pointwise")
        y = run(x, shift, kernel, [], **arguments)
        addend = draws.tensor(y.shape, y.dtype)
        added = run(x, shift, kernel, [addend] * draws.one_of([0, 1, 1, 1, 2]), **arguments)
    gradients = tape.gradient(added, [x, shift, kernel], draws.tensor(y.shape, y.dtype))
    assert added.shape == y.shape and y.shape[-1] == filters
    assert [part.shape for part in gradients] == [x.shape, shift.shape, kernel.shape]


def gate_and_fuse(draws):
    x, segments = draws.clip()
    computed = "float64" if x.dtype == tf.float64 else "float32"
    processed = draws.one_of([4, 8, 8, 12, 20, 32, 3, 0])
    shapes = [[processed]] * 4 + [[3, 3, 3, processed // 2, 2], [2], [2, 3, 3, 2], [2]]
    weights = [draws.tensor(shape, computed) for shape in shapes]
    fusion, training = draws.one_of(["learned", "sum"]), draws.chance(0.5)
    arguments = {"num_segments": segments, "training": training, "fusion": fusion}
    arguments["epsilon"] = draws.one_of([1e-5, 1e-5, 0.0, -1.0, float("inf")])
    if draws.chance(0.5):
        convolutions = weights if fusion == "learned" else weights[:6]
        with tf.GradientTape() as tape:
            tape.watch([x, *weights])
            y, *_ = ops.gate_shift_fuse(x, *convolutions, **arguments)
        tape.gradient(y, [x, *convolutions])
    else:
        y, *saved = library.raw_op("gate_shift_fuse")(x, *weights, **arguments)
        trained = [*weights[:2], *weights[4:]]
        if draws.chance(0.2):
            saved[draws.rng.integers(len(saved))] = draws.tensor([2, processed], computed)
        gradients = library.raw_op("gate_shift_fuse_gradient")(
            draws.tensor(y.shape, y.dtype), *trained, x, *saved, **arguments
        )
        if fusion == "sum":
            assert not any(gradient.numpy().any() for gradient in gradients[5:])
    assert y.shape == x.shape and y.dtype == x.dtype


def find_motion(draws):
    x, segments = draws.clip()
    if x.shape.rank == 4 and draws.chance(0.8):
        segments = 2 + segments % 2 if -9 < segments < 9 else segments
        x = x[: x.shape[0] // segments * segments] if 0 < segments < 9 else x
    window = draws.one_of([3, 5, 7, 15, 255, 3, 5, 7, 15, draws.size(20)])
    good, bad = [0.5, 5.0, 100.0, 1e-30, 1e30], [0.0, -1.0, float("inf"), float("nan")]
    sigma, temperature = (draws.one_of(bad if draws.chance(0.05) else good) for _ in range(2))
    if draws.chance(0.5):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = ops.motion_flow(x, segments, window, sigma, temperature)
        gradient = tape.gradient(y, x)
    else:
        arguments = {
            "num_segments": segments, "window": window, "sigma": sigma, "temperature": temperature
        }  # fmt: skip
        computed = tf.float64 if x.dtype == tf.float64 else tf.float32
        y, saved = library.raw_op("motion_flow")(x, S=computed, **arguments)
        if draws.chance(0.5):
            saved = draws.tensor(saved.shape, computed)
        y_gradient = draws.tensor(y.shape, y.dtype)
        gradient = library.raw_op("motion_flow_gradient")(x, saved, y_gradient, **arguments)
    assert y.shape == (*x.shape[:3], 3) and y.dtype == x.dtype
    assert gradient.shape == x.shape


def _boxes(draws, height, width):
    boxes = []
    for _ in range(draws.rng.integers(0, 4)):
        top, left = draws.rng.integers(0, height + 1), draws.rng.integers(0, width + 1)
        box = [top, left, max(1, (height - top) // 2), max(1, width - left)]
        if draws.chance(0.1):
            box[draws.rng.integers(4)] = draws.one_of([-1, 0, 2**31 - 1, -(2**31), 50])
        boxes.append(box)
    return tf.reshape(tf.constant(boxes, tf.int32), [len(boxes), 4])


def scale(draws):
    height, width = map(int, draws.rng.integers(0, 40, 2))
    shape = [int(draws.rng.integers(0, 3)), height, width, 3]
    frames = tf.constant(draws.rng.integers(0, 256, shape), tf.uint8)
    boxes, image_size = _boxes(draws, height, width), (draws.size(50, 1), draws.size(50, 1))
    if draws.chance(0.5):
        crops = ops.scale_crops(frames, boxes, image_size)
    else:
        crops = library.raw_op("scale_crops")(frames, boxes, image_size=image_size)
    assert crops.shape == (len(boxes), shape[0], *image_size, 3)


def decode(draws):
    height, width = map(int, draws.rng.integers(1, 40, 2))
    jpegs = []
    for _ in range(draws.rng.integers(0, 3)):
        pixels = draws.rng.integers(0, 256, [height, width, draws.one_of([1, 3])])
        jpeg = tf.io.encode_jpeg(tf.constant(pixels, tf.uint8)).numpy()
        jpegs.append(damage_bytes(jpeg, draws.rng) if draws.chance(0.4) else jpeg)
    frame_size = [height, width]
    if draws.chance(0.1):
        frame_size[draws.rng.integers(2)] = draws.one_of([0, -1, 2**31 - 1, 2**15, 1])
    boxes, image_size = _boxes(draws, height, width), (draws.size(50, 1), draws.size(50, 1))
    jpegs = tf.reshape(tf.constant(jpegs, tf.string), [len(jpegs)])
    if draws.chance(0.5):
        crops, _ = ops.decode_crops(jpegs, frame_size, boxes, image_size)
    else:
        crops, _ = library.raw_op("decode_crops")(jpegs, frame_size, boxes, image_size=image_size)
    assert crops.shape == (len(boxes), len(jpegs), *image_size, 3)


def parse(draws):
    record = RECORDS[draws.rng.integers(len(RECORDS))]
    for _ in range(draws.rng.integers(0, 3)):
        record = damage_bytes(record, draws.rng) if record else record
    limits = {"clip/label/index": draws.one_of([None, 3, 1])}
    if draws.chance(0.5):
        clip, good = parse_clip(record, limits)
        offset, size = clip["offset"].numpy(), clip["size"].numpy()
    else:
        clip = library.raw_op("parse_clip")(
            record,
            label_keys=[*limits, "verb/clip/label/index"][: draws.rng.integers(1, 3)],
            label_limits=[draws.one_of([3, 2**31 - 1, 2**31, -1]) for _ in range(1)],
            max_frame_pixels=draws.one_of([2**25, 1, 2**31 - 1, 2**62]),
        )
        good, offset, size = clip.good, clip.offset.numpy(), clip.size.numpy()
    assert len(offset) == len(size) >= 1 and (offset >= 0).all() and (size >= 0).all()
    assert (offset.astype(np.int64) + size <= len(record)).all() or not bool(good)


def count(draws):
    with tempfile.NamedTemporaryFile() as file:
        data = SHARD
        for _ in range(draws.rng.integers(0, 3)):
            data = damage_bytes(data, draws.rng, of_files=True) if data else data
        file.write(data)
        file.flush()
        path = draws.one_of([file.name, file.name, file.name, "/", "", "/nowhere", "s3://a/b"])
        most = draws.one_of([-1, 0, 2, 100, 2**62, -(2**62)])
        found = int(count_records(path, most))
    # Each has a header and a checksum.
    assert 0 <= found <= len(data) // 16


CALLS = (
    shift_in_time, shift_by_channel, gate_and_fuse, scale, decode, parse, count, find_motion,
    shift_and_multiply,
)  # fmt: skip
RECORDS, SHARD = [], b""


def run_case(seed):
    """Makes one call; returns its kind and what came of it."""
    draws = Draws(seed)
    call = draws.one_of(CALLS)
    try:
        with ops.use_implementation("compiled"):
            call(draws)
    except ERRORS:
        return call.__name__, "reported"
    return call.__name__, "valid"


def run_cases(first, cases, per_pass):
    """Runs cases in this process; a line of JSON for each pass."""
    global SHARD
    if "libasan" not in os.environ.get("LD_PRELOAD", ""):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    RECORDS[:] = [*small_records(2, 3), *small_records(1, 3, first_format=True)]
    with tempfile.NamedTemporaryFile() as file:
        with tf.io.TFRecordWriter(file.name) as writer:
            for record in RECORDS:
                writer.write(record)
        SHARD = file.read()
    for begin in range(first, first + cases, per_pass):
        seeds = range(begin, min(begin + per_pass, first + cases))
        print(json.dumps([run_case(seed) for seed in seeds]), flush=True)


if __name__ == "__main__":
    define_flags(cases=10000, per_pass=200, limit=300)
    app.run(lambda _: run(PROGRAM, run_cases))
