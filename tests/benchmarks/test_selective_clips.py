"""Clips on which the motion of one shape counts, and two others move the other way."""

import ast

import numpy as np
import pytest

from benchmarks.selective_clips import CLASS_NAMES, render_selective
from benchmarks.selective_variants import VARIANTS
from gsf_tf.data.demo_clips import generate_clips
from gsf_tf.layers import GateShiftFuse
from tests.configs.every_config import module

GATES = {"gate0": 0, "gate1": 1, "gate-1": -1}
PAIRS = [("marked_right", "marked_left"), ("slow_down", "slow_up")]


def frames(action, seed):
    return render_selective(action, np.random.default_rng(seed)).astype(float)


@pytest.mark.parametrize(("forward", "backward"), PAIRS)
def test_the_classes_of_a_pair_are_each_others_reversal(forward, backward):
    for seed in range(3):
        one, other = frames(forward, seed), frames(backward, seed)
        # The noise has a standard deviation of at most 8, so its difference one of 11.3.
        assert np.abs(one[::-1] - other).mean() < 10
        assert np.abs(one - other).max() > 60


def centers(clip, axis):
    """The mean place of black and white pixels in each frame, and of all others that changed."""
    background = np.median(clip, axis=0)
    extreme = (clip.min(axis=-1) > 225) | (clip.max(axis=-1) < 30)
    changed = (np.abs(clip - background).max(axis=-1) > 60) & ~extreme
    places = np.arange(clip.shape[2 - axis])
    profile = [mask.sum(axis=1 + axis).astype(float) for mask in (extreme, changed)]
    return [(counts * places).sum(axis=1) / counts.sum(axis=1) for counts in profile]


def test_the_marked_shape_moves_against_most_of_what_moves():
    """So a mean over all motion points to the other class of the pair."""
    signs = []
    for seed in range(6):
        marked, others = centers(frames("marked_right", seed), axis=0)
        signs.append(
            (marked[-3:].mean() > marked[:3].mean(), others[-3:].mean() < others[:3].mean())
        )
    assert np.mean(signs, axis=0).min() > 0.6


def test_there_is_a_class_per_kind_and_direction():
    assert len(CLASS_NAMES) == 8 and all(name.count("_") == 1 for name in CLASS_NAMES)
    with pytest.raises(ValueError, match="'marked_forward'"):
        render_selective("marked_forward", np.random.default_rng(0))


def test_clips_are_written_by_class(tmp_path):
    names = ("marked_left", "slow_up")
    calls = generate_clips(
        tmp_path, {"val": 1}, workers=1, class_names=names, render=render_selective
    )
    assert list(calls)[-1] == (2, 2)
    assert sorted(path.parent.name for path in tmp_path.rglob("*.mp4")) == list(names)


def test_every_row_has_a_configuration():
    for variant in VARIANTS:
        name, preset = variant.config.removeprefix("configs/").split(".py:")
        config = module(name).get_config(preset)
        for flag in variant.flags:
            key, value = flag.removeprefix("--config.").split("=")
            # Raises if there is no such key, or the value is of another kind.
            config.update_from_flattened_dict({key: ast.literal_eval(value)})
        if variant.name in GATES:
            options = dict(config.model.temporal_options)
            assert options == {"gate": GATES[variant.name], "fusion": "sum"}
            assert config.model.channel_ratio == 1
            assert GateShiftFuse(2, config.model.channel_ratio, **options).gate == options["gate"]
    assert GATES.keys() < {variant.name for variant in VARIANTS}
