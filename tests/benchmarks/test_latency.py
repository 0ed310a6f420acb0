"""The GSF paper's Table 12, with the smallest models in this process."""

import keras
import numpy as np
import pytest

from benchmarks.latency_runs import (
    PAPER,
    PRESETS,
    cells,
    check_precisions,
    check_presets,
    make_forward,
    random_clip,
    timed,
)
from gsf_tf.errors import UserError
from gsf_tf.models import list_presets


def test_the_papers_figures_are_of_presets():
    assert {preset: row.milliseconds for preset, row in PAPER.items()} == {
        "tsm_resnet50": 7.59,
        "gst_resnet50": 8.28,
        "rubiksnet_large": 10.46,
        "gsf_resnet50": 12.40,
    }
    assert PAPER.keys() <= set(PRESETS) <= set(list_presets())


def test_a_row_has_both_figures():
    row = cells(("gsf_resnet50", "bfloat16"), [0.004, 0.002, 0.003])
    assert row == ("gsf_resnet50", "bfloat16", "3.00", "2.00", "12.40", "half, Titan V")
    assert cells(("tsn_resnet50", "float32"), [0.001])[-2:] == ("-", "-")


def test_float16_is_for_gpus():
    assert check_precisions(None, gpus=[]) == ["float32", "bfloat16"]
    assert check_precisions(None, gpus=["GPU:0"]) == ["float32", "bfloat16", "float16"]
    assert check_precisions(["float16"], gpus=["GPU:0"]) == ["float16"]
    with pytest.raises(UserError, match="float16 on a GPU only"):
        check_precisions(["float16"], gpus=[])
    for names in (["float8"], []):
        with pytest.raises(UserError, match="must be some of float32, bfloat16, float16"):
            check_precisions(names, gpus=[])


def test_unknown_presets_are_refused_before_anything_is_timed():
    assert check_presets(list(PRESETS)) == list(PRESETS)
    with pytest.raises(UserError, match="Received: gsf_resnet5. Did you mean 'gsf_resnet"):
        check_presets(["gsf_resnet50", "gsf_resnet5"])
    with pytest.raises(UserError, match="Received: none"):
        check_presets([])


def test_half_precision_is_that_of_the_model():
    clip, before = random_clip(2, 32), keras.config.dtype_policy().name
    logits = {
        precision: make_forward("tsm_resnet14thin", precision, clip)()
        for precision in ("float32", "bfloat16")
    }
    assert keras.config.dtype_policy().name == before
    difference = np.abs(logits["float32"] - logits["bfloat16"]).max()
    assert 0 < difference < 0.1 * np.abs(logits["float32"]).max()


def test_a_model_that_gives_no_numbers_is_not_timed():
    assert timed(lambda: np.zeros(2), warmup=1)() > 0
    with pytest.raises(ValueError, match="not a finite number"):
        timed(lambda: np.array([0, np.nan]), warmup=1)
