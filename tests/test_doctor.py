import json
import subprocess
import sys

import pytest

from gsf_tf import doctor
from gsf_tf.ops import library


def test_program(monkeypatch):
    monkeypatch.delenv("GSF_TF_OPS", raising=False)
    result = subprocess.run(
        [sys.executable, "-m", "gsf_tf.doctor"], capture_output=True, text=True, check=True
    )
    for label in ("Python", "gsf_tf", *doctor.PACKAGES, "GPUs"):
        assert f"{label}:" in result.stdout
    built = library.load().raw is not None
    line = "temporal_shift: compiled (CPU" if built else "temporal_shift: reference ("
    assert line in result.stdout
    assert len(result.stdout.splitlines()) <= 40
    assert result.stderr == ""


def test_json_with_a_value_that_is_wrong(monkeypatch, capsys):
    monkeypatch.setenv("GSF_TF_OPS", "fast")
    monkeypatch.setattr(sys, "argv", ["doctor", "--json"])
    doctor.main()
    findings = json.loads(capsys.readouterr().out)
    assert findings["ops"][0]["implementation"] == "unavailable"
    assert "Received: GSF_TF_OPS='fast'" in findings["ops"][0]["reason"]


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(doctor.PACKAGES, "keras-cv", "no-such-distribution")
    monkeypatch.setattr(library, "build_info", lambda: None)
    screen = doctor.report(doctor.examine())
    assert "keras-cv:       not installed" in screen
    assert "compiled library\n  none" in screen


@pytest.mark.parametrize("part", ["_examine_gpus", "_examine_ops"])
def test_broken_installation_is_reported(monkeypatch, part):
    def fail(findings):
        raise ImportError("libtensorflow is broken")

    monkeypatch.setattr(doctor, part, fail)
    assert "problems\n  ImportError: libtensorflow is broken" in doctor.report(doctor.examine())
