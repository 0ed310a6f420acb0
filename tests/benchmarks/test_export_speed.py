"""The served-graph table: what is compared, and that it is bounded and the model."""

import itertools
import subprocess
import sys
import time

import numpy as np
import pytest

from benchmarks.annealed import anneal
from benchmarks.export_forms import (
    COMPARED,
    FLOAT,
    FORMS,
    GOALS,
    MODELS,
    RESNETS,
    Timing,
    runs_of,
    verdicts,
)
from benchmarks.export_runs import check_names, measure
from benchmarks.runtimes.exporter_runtime import MOVED_SHARE
from benchmarks.runtimes.exporter_runtime import Runtime as Exporter
from benchmarks.runtimes.litert_runtime import Runtime as LiteRT
from benchmarks.runtimes.model_run import ModelRun, RunSettings
from benchmarks.runtimes.runtime_process import EndedProcessError, RuntimeProcess
from gsf_tf.errors import UserError
from gsf_tf.models import from_preset, harden
from tests.processors import needs_avx512


def settings(folder):
    return RunSettings(folder, threads=1, image_size=32, num_segments=2, num_classes=5)


def timing(model, form, clock, busy):
    return Timing(model, form, np.array([[clock, busy]] * 3), 1.0, 0.0)


def test_processes_of_other_runtimes_do_not_import_tensorflow():
    """They import the program, and so would wait for it, each of them."""
    program = (
        "import sys, benchmarks.export_speed, benchmarks.runtimes.litert_runtime\n"
        "import benchmarks.runtimes.onnxruntime_runtime, benchmarks.runtimes.openvino_runtime\n"
        "assert 'tensorflow' not in sys.modules and 'gsf_tf' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_model_is_timed_in_the_forms_that_it_has():
    runs = runs_of(MODELS, FORMS)
    for model in RESNETS:
        assert [form for name, form in runs if name == model] == list(FORMS)
    for model in ("rubiksnet_large_aq", "rubiksnet_large_hardened"):
        assert [form for name, form in runs if name == model] == ["saved_model"]
    assert not [key for key in runs if key[0].startswith("rubiksnet") and FORMS[key[1]].of_twin]


def test_what_a_goal_compares_is_timed_in_turn():
    assert sorted(itertools.chain(*COMPARED)) == sorted(MODELS)
    for goal in GOALS:
        models = {name.split(" ")[0] for name in (goal.candidate, *goal.rivals)}
        assert any(models <= set(compared) for compared in COMPARED), goal


@pytest.mark.parametrize(
    ("models", "forms", "message"),
    [
        (["tsn_resnet51"], ["litert"], "--models must name some of tsn_resnet50, .*tsn_resnet51"),
        (["tsn_resnet50"], ["litert", "tensorrt"], "--forms must .*Received: --forms=litert,tens"),
        (["tsn_resnet50"], [], "--forms must name"),
    ],
)
def test_unknown_names(models, forms, message):
    with pytest.raises(UserError, match=message):
        check_names(models, forms)


def test_goals_by_the_processor_and_by_the_clock():
    timings = [
        timing("tsn_resnet50", "saved_model", 1.0, 2.0),
        timing("gsf_resnet50", "saved_model", 1.3, 2.2),
        timing("gsf_resnet50", "onnx_twin", 1.4, 2.4),
        timing("rubiksnet_tiny", "saved_model", 0.5, 0.9),
        timing("rubiksnet_tiny_hardened", "saved_model", 0.4, 0.8),
    ]
    assert verdicts(timings) == [
        ("GSF / TSN", "<= 1.12", "1.10", "met", "1.30", "missed"),
        ("GSF / ONNX Runtime", "<= 0.85", "0.92", "missed", "0.93", "missed"),
        ("Tiny, hardened / interpolated", "<= 1.00", "0.89", "met", "0.80", "met"),
    ]


def test_an_export_is_written_once_and_is_the_model(tmp_path):
    exporter, runtime = Exporter(settings(tmp_path)), LiteRT(settings(tmp_path))
    exporter.write_inputs([], 1)
    for kind in ("logits", "float32"):
        exporter.write("rubiksnet_mini", kind)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    exporter.write("rubiksnet_mini", "float32")
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    run = ModelRun("litert", "float32", "rubiksnet_mini")
    expected = np.load(tmp_path / "rubiksnet_mini_logits.npy")
    np.testing.assert_allclose(
        runtime.prepare(run), expected, rtol=0, atol=FLOAT * np.abs(expected).max()
    )
    clock, busy = runtime.times(run)
    assert 0 < busy < 60 and 0 < clock < 60


def test_a_process_that_takes_too_long_is_ended(tmp_path):
    process = RuntimeProcess("litert", settings(tmp_path))
    try:
        process.call("release", limit=60)
        with pytest.raises(EndedProcessError, match="was ended after 0 s"):
            process.call("release", limit=0)
        assert not process.is_alive
        with pytest.raises(EndedProcessError, match="must live"):
            process.call("release", limit=60)
    finally:
        process.close()


def test_annealed_attention_moves_a_share_of_the_channels():
    model = from_preset("rubiksnet_mini_aq", 3, num_segments=2, input_shape=(32, 32, 3))
    anneal(model, MOVED_SHARE)
    hardened = harden(model)
    assert hardened.largest_error == 0
    assert hardened.nonzero_share == pytest.approx(MOVED_SHARE, abs=0.03)


@pytest.mark.exhaustive
@needs_avx512  # The form bfloat16.
def test_all_forms_of_a_small_model(tmp_path):
    """A model whose stored logits are another's is reported and not timed."""
    failures, steps = [], []
    runs = runs_of(["rubiksnet_mini", "rubiksnet_mini_hardened"], FORMS)
    with open(tmp_path / "rubiksnet_mini_hardened_logits.npy", "wb") as file:
        np.save(file, np.ones([1, 5], np.float32))
    until = time.monotonic() + 600
    timings = measure(runs, settings(tmp_path), 2, 300, until, failures.append, steps.append)
    forms = [name for name, form in FORMS.items() if not form.of_twin]
    assert [(t.model, t.form) for t in timings] == [("rubiksnet_mini", form) for form in forms]
    for t in timings:
        assert t.seconds.shape == (2, 2) and np.all(t.seconds > 0) and t.megabytes > 0.1
        assert t.difference <= FORMS[t.form].bound
    (failure,) = failures
    assert "rubiksnet_mini_hardened in the form saved_model is not measured" in failure
    assert "must give the logits of the model" in failure


@pytest.mark.exhaustive
def test_no_export_is_begun_when_the_time_is_over(tmp_path):
    failures = []
    runs = runs_of(["rubiksnet_mini"], ["litert"])
    until = time.monotonic()
    assert measure(runs, settings(tmp_path), 2, 300, until, failures.append, str) == []
    assert "rubiksnet_mini in the form litert is not measured" in failures[0]
    assert "--minutes" in failures[0]
