import os
import subprocess
import sys

import pytest

from gsf_tf.data.pipeline.python_calls import ends_with_process
from tests.data.video_maker import make_video

SCRIPT = """
import sys
from gsf_tf.data import video_dataset_from_directory
batches = iter(video_dataset_from_directory(sys.argv[1], 2, batch_size=2, image_size=(32, 32)))
next(batches)
print("The end")
"""


def test_a_process_ends_while_its_pipeline_decodes(tmp_path):
    video = make_video(tmp_path / "a/0.mp4", 40, 160, 240, noise=True)
    (tmp_path / "b").mkdir()
    for number in range(30):
        os.link(video, tmp_path / "b" / f"{number}.mp4")
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert process.returncode == 0 and "The end" in process.stdout, process.stderr


def test_results_and_errors_pass():
    assert ends_with_process(lambda a, b: a - b)(3, 2) == 1
    with pytest.raises(ZeroDivisionError):
        ends_with_process(lambda a: 1 // a)(0)
