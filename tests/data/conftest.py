import pytest

from gsf_tf.data import RecordSettings, list_video_folder, split_for_validation, write_records
from tests.data.video_maker import make_video


@pytest.fixture(scope="session")
def video_folder(tmp_path_factory):
    """Three classes of five clips, of unlike shapes and lengths."""
    folder = tmp_path_factory.mktemp("videos")
    shapes = [(64, 96), (96, 64), (64, 64), (80, 60), (48, 100)]
    for name in ("closing it", "down", "up"):
        for number, (height, width) in enumerate(shapes):
            make_video(folder / name / f"{number}.mp4", 3 + 5 * number, height, width)
    return folder


@pytest.fixture(scope="session")
def records(video_folder, tmp_path_factory):
    """The records of `video_folder`, several shards, a fifth held back."""
    folder = str(tmp_path_factory.mktemp("records"))
    settings = RecordSettings(short_side=48, clips_per_shard=3)
    write_records(split_for_validation(list_video_folder(video_folder), 0.2), folder, settings)
    return folder
