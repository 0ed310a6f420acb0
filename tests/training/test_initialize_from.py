"""Starting from other runs: what is copied, inflated, made anew, and refused."""

import numpy as np
import pytest

from gsf_tf.data import LabelMap
from gsf_tf.errors import UserError
from gsf_tf.layers import AttentionShift, RubiksShift3D
from gsf_tf.models import from_preset, harden, inflate
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.training import initialize_from
from gsf_tf.weights import CheckpointError, save_torch_checkpoint
from gsf_tf.workdir import Workdir
from tests import exhaustive
from tests.models.randomize import randomize

SHAPE = (32, 32, 3)


def gsf(preset="gsf_resnet14thin", num_classes=3, num_segments=2, **options):
    return from_preset(preset, num_classes, num_segments, SHAPE, **options)


def rubiksnet(preset="rubiksnet_mini", num_classes=3, num_segments=2, **options):
    return from_preset(preset, num_classes, num_segments, SHAPE, **options)


def clip(num_segments=2):
    shape = (2, num_segments, *SHAPE)
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


def filled(model):
    randomize(model, clip(model.num_segments))
    return model


def saved(model, path):
    filled(model).save(path)
    return path


def weights(model):
    return {variable.path: np.array(variable) for variable in model.weights}


def of(model, part):
    return [value for path, value in weights(model).items() if part in path]


def assert_refused(model, path, *messages):
    before = weights(model)
    with pytest.raises(UserError) as error:
        initialize_from(model, path)
    for message in messages:
        assert message in str(error.value)
    for path, value in weights(model).items():
        np.testing.assert_array_equal(value, before[path])


def workdir_of(model, folder, names):
    """A workdir in which training has ended."""
    workdir = Workdir(folder)
    folder.mkdir()
    workdir.config_file.write_text("{}")
    LabelMap(names).save(workdir.labels_file)
    filled(model).save(workdir.model_file)
    return folder


def test_the_same_classes_give_the_same_model(tmp_path):
    source = gsf()
    path = saved(source, tmp_path / "a.keras")
    report = initialize_from(model := gsf(num_segments=4), path, init_same_classes=True)
    for path, value in weights(model).items():
        np.testing.assert_array_equal(value, weights(source)[path])
    assert report.new == report.unused == report.inflated == ()
    assert "classifier" in report.copied
    assert str(report).startswith(f"Weights of {tmp_path}/a.keras: {len(report.copied)} layers")


@pytest.mark.parametrize(
    "preset", exhaustive.cases(["gsf_resnet14thin", "gsm_resnet14thin"], lambda name: "gsf" in name)
)
def test_gates_that_the_source_lacks_leave_its_features_as_they_are(preset, tmp_path):
    source = gsf("tsn_resnet14thin")
    path = saved(source, tmp_path / "a.keras")
    report = initialize_from(model := gsf(preset), path, init_same_classes=True)
    assert report.identity == report.new and len(report.new) == 4
    assert "4 of these started as the identity (layer1_0_conv3_temporal" in str(report)
    expected = np.asarray(source(clip()))
    np.testing.assert_allclose(model(clip()), expected, rtol=1e-4)
    initialize_from(other := gsf(preset), path, init_same_classes=True, start="paper")
    assert np.abs(np.asarray(other(clip())) - expected).max() > 0.01 * np.abs(expected).max()
    with pytest.raises(ValueError, match="Received: start='folds'"):
        initialize_from(other, path, start="folds")


def test_other_classes_get_a_new_linear_layer(tmp_path):
    source, model = gsf(), gsf(num_classes=4)
    head = of(model, "classifier")
    report = initialize_from(model, saved(source, tmp_path / "a.keras"))
    assert report.new == ("classifier",)
    assert "1 newly initialized (classifier)" in str(report)
    for old, new in zip(head, of(model, "classifier"), strict=True):
        np.testing.assert_array_equal(old, new)
    for theirs, ours in zip(of(source, "layer"), of(model, "layer"), strict=True):
        np.testing.assert_array_equal(theirs, ours)


@pytest.mark.parametrize(("names", "is_copied"), [("abc", True), ("abd", False)])
def test_a_run_of_as_many_other_classes(tmp_path, names, is_copied):
    folder = workdir_of(gsf(), tmp_path / "run", ["a", "b", "c"])
    report = initialize_from(gsf(), folder, LabelMap(list(names)))
    assert ("classifier" in report.copied) == is_copied
    assert initialize_from(gsf(), folder).unproven == ("classifier",)


@pytest.mark.parametrize("name", exhaustive.cases(["a.keras", "a.pth.tar"], "a.pth.tar".__eq__))
def test_as_many_classes_are_no_proof_of_the_same_classes(tmp_path, name):
    """Something-Something V1 and V2 both have 174."""
    source, labels = filled(gsf()), LabelMap(["a", "b", "c"])
    path = tmp_path / name
    source.save(path) if name.endswith(".keras") else save_torch_checkpoint(source, path)
    model = gsf()
    head = of(model, "classifier")
    report = initialize_from(model, path, labels)
    assert report.unproven == ("classifier",) and "classifier" not in report.copied
    assert "Not copied: classifier, because as many classes are no proof" in str(report)
    for old, new in zip(head, of(model, "classifier"), strict=True):
        np.testing.assert_array_equal(old, new)

    def is_copied(**options):
        report = initialize_from(model := gsf(), path, labels, **options)
        same = np.array_equal(of(model, "classifier")[0], of(source, "classifier")[0])
        assert same == ("classifier" in report.copied) and report.unproven in ((), ("classifier",))
        return same

    assert is_copied(init_same_classes=True)
    labels.save(tmp_path / "labels.txt")
    assert is_copied()
    # Beside two files it is not known whose labels these are.
    (tmp_path / "other.pth").write_bytes(b"")
    assert not is_copied()
    labels.save(tmp_path / f"{name}.labels.txt")
    assert is_copied()
    LabelMap(["b", "a", "c"]).save(tmp_path / f"{name}.labels.txt")
    assert not is_copied(init_same_classes=True)


def test_every_task_gets_a_new_linear_layer(tmp_path):
    path = saved(gsf(), tmp_path / "a.keras")
    tasks = {"verb": 2, "noun": 3, "action": 4}
    report = initialize_from(gsf(num_classes=tasks), path, init_same_classes=True)
    assert len(report.new) == 3
    source = gsf(num_classes=tasks)
    source.save(tmp_path / "b.keras")
    model = gsf(num_classes=tasks | {"noun": 5})
    report = initialize_from(model, tmp_path / "b.keras", init_same_classes=True)
    assert report.new == ("classifier_noun",)
    np.testing.assert_array_equal(of(model, "classifier_verb")[0], of(source, "classifier_verb")[0])


def test_temporal_layers_may_come_and_go(tmp_path):
    path = saved(gsf("tsn_resnet14thin"), tmp_path / "tsn.keras")
    report = initialize_from(gsf(), path, init_same_classes=True)
    assert len(report.new) == 4 and all(name.endswith("_temporal") for name in report.new)
    path = saved(gsf(), tmp_path / "gsf.keras")
    report = initialize_from(gsf("tsn_resnet14thin"), path, init_same_classes=True)
    assert len(report.unused) == 4 and report.new == ()


def test_images_to_video_as_inflate_does(tmp_path):
    source = rubiksnet(num_segments=1)
    path = saved(source, tmp_path / "images.keras")
    model = rubiksnet(num_classes=4)
    report = initialize_from(model, path)
    expected = inflate(source, 2, num_classes=4)
    shifts = find_layers(model, RubiksShift3D)
    assert list(report.inflated) == [layer.name for layer in shifts]
    for ours, theirs in zip(shifts, find_layers(expected, RubiksShift3D), strict=True):
        np.testing.assert_array_equal(ours.shift, theirs.shift)
        channels = ours.shift.shape[1]
        fold = channels // 8  # TSM's
        moved = [1.0] * fold + [-1.0] * fold + [0.0] * (channels - 2 * fold)
        np.testing.assert_array_equal(ours.shift[0], moved)
    for ours, theirs in zip(of(model, "conv"), of(expected, "conv"), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_where_the_temporal_shifts_begin_is_an_option(tmp_path):
    path = saved(rubiksnet(num_segments=1), tmp_path / "images.keras")
    model = rubiksnet()
    initialize_from(model, path, init_temporal_shift="uniform")
    times = [np.array(layer.shift[0]) for layer in find_layers(model, RubiksShift3D)]
    assert all(len(set(time)) == len(time) and np.abs(time).max() <= 1 for time in times)
    with pytest.raises(ValueError, match="one of folds, noisy_folds, uniform. Received: 'zeros'"):
        initialize_from(model, path, init_temporal_shift="zeros")
    video = rubiksnet()
    initialize_from(model, saved(video, tmp_path / "video.keras"), init_temporal_shift="folds")
    for ours, theirs in zip(
        find_layers(model, RubiksShift3D), find_layers(video, RubiksShift3D), strict=True
    ):
        np.testing.assert_array_equal(ours.shift, theirs.shift)


def test_images_to_attention(tmp_path):
    source = rubiksnet(num_segments=1)
    report = initialize_from(
        model := rubiksnet("rubiksnet_mini_aq", num_classes=4),
        saved(source, tmp_path / "images.keras"),
    )
    names = [layer.name for layer in find_layers(model, AttentionShift)]
    assert sorted(report.new) == sorted([*names, "classifier"])
    for ours, theirs in zip(of(model, "as3/shift"), of(source, "as3/shift"), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "fixed", [{"spatial_shift": "fixed"}, {"temporal_shift": "fixed"}], ids=["space", "time"]
)
def test_what_is_fixed_stays(tmp_path, fixed):
    source = rubiksnet()
    path = saved(source, tmp_path / "a.keras")
    model = rubiksnet(**fixed)
    before = of(model, "as3/shift")
    initialize_from(model, path)
    for old, new, theirs in zip(
        before, of(model, "as3/shift"), of(source, "as3/shift"), strict=True
    ):
        rows = {"space": slice(1, 3), "time": slice(0, 1)}
        stay, go = ("space", "time") if "spatial_shift" in fixed else ("time", "space")
        np.testing.assert_array_equal(new[rows[stay]], old[rows[stay]])
        np.testing.assert_array_equal(new[rows[go]], theirs[rows[go]])


@pytest.mark.parametrize("num_classes", [3, 4, {"verb": 2, "action": 3}])
def test_a_checkpoint_of_pytorch(tmp_path, num_classes):
    source = filled(gsf())
    save_torch_checkpoint(source, tmp_path / "a.pth.tar")
    report = initialize_from(
        model := gsf(num_classes=num_classes), tmp_path / "a.pth.tar", init_same_classes=True
    )
    heads = {3: 0, 4: 1}.get(num_classes if isinstance(num_classes, int) else None, 2)
    assert len(report.new) == heads
    for theirs, ours in zip(of(source, "layer"), of(model, "layer"), strict=True):
        np.testing.assert_array_equal(theirs, ours)


def test_another_backbone_is_refused(tmp_path):
    path = saved(rubiksnet(), tmp_path / "a.keras")
    assert_refused(gsf(), path, "of the same backbone", "conv1", "not in the source", "not in the")


def test_another_share_of_the_channels_is_refused(tmp_path):
    path = saved(gsf(channel_ratio=1.0), tmp_path / "a.keras")
    assert_refused(gsf(), path, "4 layers differ", "layer1_0_conv3_temporal: [")


def test_integer_shifts_are_refused(tmp_path):
    source = rubiksnet("rubiksnet_mini_aq")
    harden(source).model.save(tmp_path / "hard.keras")
    assert_refused(rubiksnet("rubiksnet_mini_aq"), tmp_path / "hard.keras", "layers differ")


def test_nothing_to_read(tmp_path):
    model = gsf()
    assert_refused(model, tmp_path / "runs" / "none", "does not exist", "that model first")
    (tmp_path / "notes.txt").write_text("x")
    assert_refused(model, tmp_path / "notes.txt", "is neither")
    (tmp_path / "broken.keras").write_text("x")
    assert_refused(model, tmp_path / "broken.keras", "no archive that can be read")
    (tmp_path / "run").mkdir()
    assert_refused(model, tmp_path / "run", "config.json")
    (tmp_path / "run" / "config.json").write_text("{}")
    assert_refused(model, tmp_path / "run", "training has not ended")
    assert issubclass(CheckpointError, UserError)
