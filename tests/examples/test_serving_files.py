"""The files of examples/serving: they parse, and name what `gsf-tf export` writes."""

import pathlib

import pytest
import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from gsf_tf.export import next_version
from gsf_tf.workdir import Workdir

REPOSITORY = pathlib.Path(__file__).parents[2]
FOLDER = REPOSITORY / "examples" / "serving"


def batching_parameters():
    """Returns an empty BatchingParameters, whose definition tensorflow-serving-api leaves out.

    Fields and types are those of tensorflow_serving/servables/tensorflow/
    session_bundle_config.proto; text has no field numbers.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name="batching.proto", package="test", syntax="proto3"
    )
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    message = file.message_type.add(name="BatchingParameters")
    field = descriptor_pb2.FieldDescriptorProto
    int64, boolean = ".google.protobuf.Int64Value", ".google.protobuf.BoolValue"
    names = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    types = {**dict.fromkeys(names, int64), "enable_large_batch_splitting": boolean}
    for number, (name, type_name) in enumerate(types.items(), start=1):
        message.field.add(
            name=name, number=number, label=field.LABEL_OPTIONAL, type=field.TYPE_MESSAGE,
            type_name=type_name,
        )  # fmt: skip
    message.field.add(
        name="allowed_batch_sizes", number=10, label=field.LABEL_REPEATED, type=field.TYPE_INT64
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("test.BatchingParameters"))()


def test_batching_parameters():
    text = (FOLDER / "batching_parameters.txt").read_text()
    parsed = text_format.Parse(text, batching_parameters())
    # The server refuses sizes that do not rise, or end elsewhere.
    sizes = list(parsed.allowed_batch_sizes)
    assert sizes == sorted(set(sizes)) and sizes[-1] == parsed.max_batch_size.value
    assert parsed.num_batch_threads.value > 0 and parsed.batch_timeout_micros.value > 0
    with pytest.raises(text_format.ParseError):
        text_format.Parse("batch_size { value: 8 }", batching_parameters())


def test_the_server_finds_what_export_writes():
    pb2 = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2",
        reason="tensorflow-serving-api is not installed",
    )
    text = (FOLDER / "models.config").read_text()
    (config,) = text_format.Parse(text, pb2.ModelServerConfig()).model_config_list.config
    service = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]["serving"]
    # A default in braces has a colon of its own: ${EXPORT:-folder}:/models/gsf:ro
    mounts = {
        target: source.removeprefix("${EXPORT:-").removesuffix("}")
        for source, target, mode in (volume.rsplit(":", 2) for volume in service["volumes"])
    }
    run = Workdir(REPOSITORY / "demo" / "runs" / "gsf")
    assert (FOLDER / mounts.pop(config.base_path)).resolve() == run.exports
    assert next_version(run.exports).name.isdigit() and config.model_platform == "tensorflow"
    assert config.name == "gsf"  # What the client asks for by default.
    flags = dict(flag.removeprefix("--").split("=") for flag in service["command"])
    named = {flags["model_config_file"], flags["batching_parameters_file"]}
    assert named == mounts.keys()
    for target, source in mounts.items():
        assert (FOLDER / source).name == pathlib.Path(target).name and (FOLDER / source).exists()
    assert service["ports"] == ["8500:8500", "8501:8501"]


def test_the_readme_names_every_file():
    text = (FOLDER / "README.md").read_text()
    for file in FOLDER.iterdir():
        assert file.name == "README.md" or f"`{file.name}`" in text or file.is_dir()
