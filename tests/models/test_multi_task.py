"""Models with a linear layer per task."""

import keras
import numpy as np
import pytest

from gsf_tf.analysis import count_macs, count_parameters
from gsf_tf.models import from_preset, harden, inflate
from gsf_tf.models.layer_lookup import classifiers
from gsf_tf.weights import CheckpointError, load_torch_checkpoint, save_torch_checkpoint
from tests.torch_twins import make_twin, randomize, save_as_authors

TASKS = {"verb": 3, "noun": 4, "action": 6}
SHAPE = (32, 32, 3)


def small(num_classes=TASKS, preset="gsf_resnet14thin", num_segments=2, **options):
    return from_preset(preset, num_classes, num_segments, SHAPE, **options)


def clips(num_segments=2):
    shape = (2, num_segments, *SHAPE)
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


def with_strong_heads(model):
    """The linear layers are drawn so small that their logits are equal in float32."""
    rng = np.random.default_rng(1)
    for layer in classifiers(model).values():
        layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    return model


def assert_equal_logits(ours, theirs):
    assert ours.keys() == theirs.keys()
    for task, logits in ours.items():
        np.testing.assert_array_equal(logits, theirs[task])


def test_each_task_is_a_model_of_its_own():
    model = with_strong_heads(small())
    logits = model(clips())
    assert {task: tuple(output.shape) for task, output in logits.items()} == {
        task: (2, number) for task, number in TASKS.items()
    }
    for task, number in TASKS.items():
        single = small(number)
        single.backbone.set_weights(model.backbone.get_weights())
        layer = model.get_layer(f"classifier_{task}")
        single.get_layer("classifier").set_weights(layer.get_weights())
        np.testing.assert_array_equal(single(clips()), logits[task])


def test_is_saved_and_loaded(tmp_path):
    model = with_strong_heads(small(dict(reversed(TASKS.items()))))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert list(loaded.num_classes.items()) == list(reversed(TASKS.items()))
    assert_equal_logits(loaded(clips()), model(clips()))
    # Given as a file of weights, the order of the tasks does not matter.
    model.save_weights(tmp_path / "model.weights.h5")
    again = small(TASKS, weights=str(tmp_path / "model.weights.h5"))
    assert_equal_logits(again(clips()), model(clips()))


def test_is_counted():
    plain, model = small(sum(TASKS.values())), small()
    assert count_parameters(model) == count_parameters(plain)
    assert count_macs(model) == count_macs(plain)


def test_learns_all_tasks_with_fit():
    model = small(dropout=0.0)
    before = {name: np.array(layer.kernel) for name, layer in classifiers(model).items()}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.SGD(0.1),
        {task: loss for task in TASKS},
        loss_weights={"verb": 1.0, "noun": 1.0, "action": 0.0},
        run_eagerly=True,
    )
    labels = {task: np.array([0, number - 1]) for task, number in TASKS.items()}
    model.fit(clips(), labels, verbose=0)
    moved = {
        name: bool(np.any(before[name] != layer.kernel))
        for name, layer in classifiers(model).items()
    }
    assert moved == {
        "classifier_verb": True, "classifier_noun": True, "classifier_action": False
    }  # fmt: skip


def test_inflate_and_harden_keep_the_tasks():
    images = with_strong_heads(small(preset="rubiksnet_mini", num_segments=1))
    video = inflate(images, 2, attention=True, shift_budget=0.5)
    assert video.num_classes == TASKS
    for name, layer in classifiers(video).items():
        np.testing.assert_array_equal(layer.kernel, images.get_layer(name).kernel)
    hard = harden(video).model
    assert {task: tuple(output.shape) for task, output in hard(clips()).items()} == {
        task: (2, number) for task, number in TASKS.items()
    }
    for name, layer in classifiers(hard).items():
        np.testing.assert_array_equal(layer.kernel, images.get_layer(name).kernel)
    assert set(classifiers(inflate(images, 2, num_classes=5))) == {"classifier"}


def test_checkpoints_of_pytorch_fill_the_backbone(tmp_path):
    pytest.importorskip("torch")
    twin = randomize(make_twin("gsf", "resnet14thin", 5, 2, 0.5), seed=0)
    save_as_authors(twin, tmp_path / "model.pth.tar", "gsf")
    model = small()
    with pytest.raises(CheckpointError, match="one linear layer.*verb, noun, action.*skip_head"):
        load_torch_checkpoint(model, tmp_path / "model.pth.tar")
    load_torch_checkpoint(model, tmp_path / "model.pth.tar", skip_head=True)
    kernel = twin.base_model.conv1.weight.detach().numpy().transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(model.backbone.get_layer("conv1").kernel, kernel)
    with pytest.raises(CheckpointError, match="one linear layer"):
        save_torch_checkpoint(model, tmp_path / "out.pth.tar")


@pytest.mark.parametrize(
    ("num_classes", "message"),
    [
        ({}, "names of letters"),
        ({"a/b": 3}, "names of letters.*a/b"),
        ({"verb": 0}, "integer >= 1. Received: num_classes=0"),
        (2.5, "integer >= 1. Received: num_classes=2.5"),
    ],
)
def test_impossible_numbers_of_classes(num_classes, message):
    with pytest.raises(ValueError, match=message):
        small(num_classes)
