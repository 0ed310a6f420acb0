import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data import Augmentation, DataError

EVERYTHING = Augmentation(
    flip=0.5,
    rand_augment=9.0,
    rand_augment_variant="keras_cv",
    color_jitter=(0.4, 0.4, 0.4, 0.1),
    erasing=0.5,
)


@pytest.fixture(scope="module")
def still_clip():
    frame = np.random.default_rng(0).integers(0, 256, [24, 32, 3], np.uint8)
    return np.stack([frame] * 3)


def changed(augmentation, clip, seeds, label=0):
    change = tf.function(augmentation.clip_function())
    return [change(tf.constant(clip), tf.constant(label), tf.constant([s, 1])) for s in seeds]


def test_all_frames_of_a_clip_change_alike_and_by_the_seed(still_clip):
    seeds = [*range(12), *range(12)]
    results = changed(EVERYTHING, still_clip, seeds)
    for frames, label in results:
        assert frames.shape == still_clip.shape and frames.dtype == tf.uint8
        assert label.dtype == tf.int32
        np.testing.assert_array_equal(frames, np.broadcast_to(frames[:1], frames.shape))
    assert len({frames.numpy().tobytes() for frames, _ in results}) > 8
    for (first, _), (second, _) in zip(results[:12], results[12:], strict=True):
        np.testing.assert_array_equal(first, second)


def test_flip_swaps_labels(still_clip):
    swap = [1, 0, 2]
    for label in range(3):
        ((frames, new_label),) = changed(
            Augmentation(flip=1.0, flip_label_map=swap), still_clip, [0], label
        )
        np.testing.assert_array_equal(frames, still_clip[:, :, ::-1])
        assert new_label.numpy() == swap[label]


def test_half_of_the_clips_are_mirrored_with_their_labels(still_clip):
    results = changed(Augmentation(flip=0.5, flip_label_map=[1, 0]), still_clip, range(200))
    mirrored = [bool((frames == still_clip[:, :, ::-1]).numpy().all()) for frames, _ in results]
    assert mirrored == [label.numpy() == 1 for _, label in results]
    assert 70 < sum(mirrored) < 130


def test_nothing_to_do():
    assert Augmentation().clip_function() is None
    assert Augmentation().frames_function() is None


def test_the_variant_decides_when_rand_augment_comes():
    authors = Augmentation(rand_augment=9.0, rand_augment_names=["invert"])
    assert authors.clip_function() is None and authors.frames_function() is not None
    keras_cv = Augmentation(
        rand_augment=9.0, rand_augment_names=["solarize"], rand_augment_variant="keras_cv"
    )
    assert keras_cv.clip_function() is not None and keras_cv.frames_function() is None


@pytest.mark.parametrize(
    "names, flip_label_map, message",
    [
        (["moving left", "moving right", "up"], None, "`moving left`, `moving right`"),
        (["turn_left", "up"], None, "`turn_left`"),
        (["TurningCounterclockwise", "up"], None, "Counterclockwise"),
        (["up", "down"], [0, 1, 2], "3 entries for 2 classes"),
    ],
)
def test_flips_ask_for_a_decision(names, flip_label_map, message):
    with pytest.raises(DataError, match=message) as error:
        Augmentation(flip=0.5, flip_label_map=flip_label_map).check_classes(names)
    assert "flip_label_map" in str(error.value)


def test_decided_flips_are_accepted():
    Augmentation().check_classes(["left", "right"])
    Augmentation(flip=0.5).check_classes(["brightly", "cleft", "up"])
    Augmentation(flip=0.5, flip_label_map=[1, 0]).check_classes(["left", "right"])
    Augmentation(flip=0.5, flip_label_map=range(2)).check_classes(["left over", "right now"])


def test_mixing_must_know_the_number_of_classes():
    with pytest.raises(DataError, match="labels.txt"):
        Augmentation(mixup=0.2).check_classes(None)


@pytest.mark.parametrize(
    "values, message",
    [
        ({"crop": "random"}, "'random'"),
        ({"crop_area": (0.5, 0.2)}, r"\(0.5, 0.2\)"),
        ({"flip": 1.5}, "`flip` must be in 0..1. Received: flip=1.5"),
        ({"flip_label_map": [1, 2, 0]}, r"\[1, 2, 0\]"),
        ({"flip_label_map": [0, 5]}, r"\[0, 5\]"),
        ({"rand_augment": 11}, "0..10"),
        ({"rand_augment_ops": 0}, "1..10"),
        ({"rand_augment_std": -1}, "0..10"),
        ({"rand_augment_variant": "timm"}, "'authors', 'keras_cv'. Received: .*'timm'"),
        ({"rand_augment_names": ["rotat"]}, "'authors': auto_.* Did you mean 'rotate'"),
        ({"rand_augment_names": "rotate"}, "must be a sequence .*='rotate'"),
        (
            {"rand_augment_names": ["invert"], "rand_augment_variant": "keras_cv"},
            "'keras_cv': auto_.*'invert'",
        ),
        ({"color_jitter": (0.1, 0.1)}, "brightness, contrast"),
        ({"color_jitter": (0.1, 0.1, 0.1, 0.6)}, "0.6"),
        ({"erasing": -0.1}, "-0.1"),
        ({"mixup": -1}, "`mixup`"),
    ],
)
def test_values_outside_their_range(values, message):
    with pytest.raises(DataError, match=message):
        Augmentation(**values)
