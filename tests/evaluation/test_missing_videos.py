from gsf_tf.data import DatasetInfo, video_dataset_from_records
from gsf_tf.evaluation import score_videos
from gsf_tf.evaluation.missing_videos import missing_videos
from gsf_tf.models import from_preset
from tests.data.small_records import write_small_records


def test_videos_in_damaged_records_are_left_out_and_named(tmp_path):
    (shard,) = write_small_records(tmp_path, 8, 3)
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 255
    shard.write_bytes(content)
    dataset = video_dataset_from_records(
        str(shard),
        num_segments=2,
        batch_size=3,
        image_size=(32, 32),
        num_clips=2,
        num_crops=3,
        clip_ids=True,
        on_error="skip",
    )
    model = from_preset("tsn_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))
    scores = score_videos(model, dataset, dataset.class_names, views_per_step=4)
    left = [f"{shard.name}:{place} clip{place}" for place in range(8) if place != 3]
    assert scores.ids.tolist() == left
    assert scores.labels["action"].tolist() == [0, 1, 2, 1, 2, 0, 1]
    said = missing_videos(
        str(tmp_path), DatasetInfo.load(str(tmp_path)), "train", dataset.damage.records
    )
    assert said["damaged_clips"] == 1 and said["missing"] == said["quarantined"] == []
    assert f"record 3 of `{shard}`" in said["damaged"][0]
