"""Training that cannot have the published weights it should start from."""

import os
import socket
import subprocess
import sys

from gsf_tf.weights.imagenet_files import IMAGENET_FILES
from tests.program_forks import REPOSITORY
from tests.trainers.conftest import train_flags


def test_no_network_is_one_paragraph_without_a_traceback(records, tmp_path):
    """The proxy of the environment refuses connections, so no address can be reached."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        proxy = f"http://127.0.0.1:{closed.getsockname()[1]}"
    environment = {**os.environ, "https_proxy": proxy, "KERAS_HOME": str(tmp_path / "keras")}
    flags = train_flags(records, tmp_path / "run", epochs=1)
    flags += ["--config.model.preset=tsn_resnet50", "--config.model.weights=imagenet"]
    process = subprocess.run(
        [sys.executable, "-m", "trainers.train", *flags],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1 and "Traceback" not in process.stderr
    file = IMAGENET_FILES["resnet50"]
    place = tmp_path / "keras" / "gsf_tf" / file.name
    words = " ".join(process.stderr.split())
    assert f"{file.url} must be the published file" in words
    assert f"Connection refused). Download it in another way and put it at {place}." in words
