"""Records in a real S3 endpoint on this machine (moto). The client of tensorflow-io aborts the
interpreter at its end, so whatever touches the store runs in a process of its own."""

import json
import os
import pathlib
import subprocess
import sys

import boto3
import pytest
from moto.server import ThreadedMotoServer

from gsf_tf.data import (
    DataError,
    RecordSettings,
    list_video_folder,
    split_for_validation,
    video_dataset_from_records,
    write_records,
)
from gsf_tf.data.records import object_store
from tests import exhaustive
from tests.data.video_maker import make_video

REPOSITORY = pathlib.Path(__file__).parents[3]

READ = """
from gsf_tf.data import video_dataset_from_records
from trainers import cli

def main(argv):
    dataset = video_dataset_from_records(argv[1], 2, 2, image_size=(32, 32))
    labels = [label for _, labels in dataset for label in labels.numpy().tolist()]
    print(dataset.class_names, labels)
    return 3

cli.run(main)
"""


@pytest.fixture(scope="module")
def store():
    """A bucket `clips`: its client, and the environment by which programs find it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "us-east-1"}
    endpoint = {
        "S3_ENDPOINT": f"http://{host}:{port}",
        "S3_USE_HTTPS": "0",
        "S3_VERIFY_SSL": "0",
        "S3_DISABLE_MULTI_PART_DOWNLOAD": "1",
    }
    client = boto3.client(
        "s3",
        endpoint_url=endpoint["S3_ENDPOINT"],
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )
    client.create_bucket(Bucket="clips")
    yield client, os.environ | keys | endpoint
    server.stop()


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for number in range(8):
        make_video(folder / ("down", "up")[number % 2] / f"{number}.mp4", 3 + number)
    (folder / "up" / "text.mp4").write_text("not a video")
    return folder


def run(environment, *command):
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


def objects(client, prefix):
    found = client.list_objects_v2(Bucket="clips", Prefix=prefix).get("Contents", [])
    return {
        entry["Key"].removeprefix(prefix): client.get_object(Bucket="clips", Key=entry["Key"])[
            "Body"
        ].read()
        for entry in found
    }


@pytest.mark.parametrize("workers", exhaustive.cases([1, 2], lambda workers: workers == 2))
def test_records_are_written_to_s3_and_read_from_it(workers, store, videos, tmp_path):
    client, environment = store
    flags = (f"--videos={videos}", f"--output=s3://clips/{workers}", "--clips_per_shard=3")
    result = run(environment, "-m", "trainers.prepare", *flags, f"--workers={workers}")
    assert result.returncode == 0, result.stderr
    assert "left out: up/text.mp4" in result.stdout and "leaked" not in result.stderr
    here = tmp_path / "here"
    listing = split_for_validation(list_video_folder(videos), 0.2)
    write_records(listing, str(here), RecordSettings(clips_per_shard=3))
    expected = {path.name: path.read_bytes() for path in here.iterdir()}
    assert objects(client, f"{workers}/") == expected

    flags = ("--sheet=", f"--json={tmp_path / 'report.json'}")
    result = run(environment, "-m", "trainers.inspect_records", f"s3://clips/{workers}", *flags)
    assert result.returncode == 0, result.stderr
    assert sum(json.loads((tmp_path / "report.json").read_text())["clips"].values()) == 8

    result = run(environment, "-c", READ, f"s3://clips/{workers}/val-*.tfrecord")
    assert result.returncode == 3, result.stderr
    dataset = video_dataset_from_records(f"{here}/val-*.tfrecord", 2, 2, image_size=(32, 32))
    labels = [label for _, labels in dataset for label in labels.numpy().tolist()]
    assert result.stdout == f"{dataset.class_names} {labels}\n" and labels


def test_run_interrupted_on_s3_is_continued(store, videos, tmp_path):
    client, environment = store
    listing = split_for_validation(list_video_folder(videos), 0.2)

    def stop(source, error):
        if len(list(tmp_path.glob("*.finished.json"))) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_records(listing, str(tmp_path), RecordSettings(clips_per_shard=3), on_clip=stop)
    for path in tmp_path.iterdir():
        client.put_object(Bucket="clips", Key=f"begun/{path.name}", Body=path.read_bytes())
    flags = (f"--videos={videos}", "--output=s3://clips/begun")
    result = run(
        environment, "-m", "trainers.prepare", *flags, "--workers=1", "--clips_per_shard=3"
    )
    assert result.returncode == 0, result.stderr
    assert "Continuing: 2 of " in result.stdout
    write_records(listing, str(tmp_path), RecordSettings(clips_per_shard=3))
    expected = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert objects(client, "begun/") == expected


def test_bucket_that_is_not_there(store, videos):
    _, environment = store
    flags = (f"--videos={videos}", "--output=s3://nobody/records", "--workers=1")
    result = run(environment, "-m", "trainers.prepare", *flags)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "NoSuchBucket" in result.stderr and "S3_ENDPOINT" in result.stderr


@pytest.mark.parametrize("path", ["s3://clips/records", "az://a/b", "nonsense://a/b"])
def test_scheme_that_nothing_here_opens(monkeypatch, path):
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    with pytest.raises(DataError, match=r"tensorflow-io.*gsf_tf\[cloud\]"):
        object_store.connect(path)
    assert not object_store.in_use()


def test_local_paths_need_nothing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    object_store.connect(str(tmp_path))
    assert not object_store.in_use()
