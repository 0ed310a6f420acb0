import json
import os
import signal
import sys
import threading
import time

import pytest

from gsf_tf.errors import UserError
from tests.trainers.conftest import run
from trainers.seeds import run_process, summary_lines, top1_of


def test_a_run_that_fails_ends_the_row(tmp_path):
    flags = ["--config=smoke", "--config.data.demo_clips=0", "--config.data.records=nowhere"]
    process = run("train", *flags, f"--workdir={tmp_path}", "--seeds=3", check=False)
    assert process.returncode == 1
    assert "Seed 0, in" in process.stdout and "Seed 1" not in process.stdout
    process = run("train", *flags, f"--workdir={tmp_path}", "--seeds=3", "--dry_run", check=False)
    assert process.returncode == 1 and "goes neither with --dry_run" in process.stderr


def test_a_signal_reaches_the_run():
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGTERM))
    timer.start()
    began = time.monotonic()
    assert run_process([sys.executable, "-c", "import time; time.sleep(60)"]) == -signal.SIGTERM
    assert time.monotonic() - began < 30


def test_mean_and_range(tmp_path):
    for seed, top1 in enumerate(([0.5, 0.8, 0.7], [0.6, 0.6, 0.9])):
        (tmp_path / str(seed)).mkdir()
        lines = [{"epoch": epoch, "val/top1": value} for epoch, value in enumerate(top1, start=1)]
        text = "".join(f"{json.dumps(line)}\n" for line in [*lines, {"epoch": 4}])
        (tmp_path / str(seed) / "metrics.jsonl").write_text(text)
    best, last = summary_lines({seed: top1_of(tmp_path / str(seed)) for seed in range(2)})
    assert best.endswith("best epoch, 2 seeds: mean 85.0 %, from 80.0 to 90.0 %")
    assert last.endswith("last epoch, 2 seeds: mean 80.0 %, from 70.0 to 90.0 %")
    (tmp_path / "0" / "metrics.jsonl").write_text('{"epoch": 1}\n')
    with pytest.raises(UserError, match=r"must have a validation\. Received: "):
        top1_of(tmp_path / "0")
