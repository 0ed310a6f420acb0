"""Convert a checkpoint of the authors' PyTorch code to Keras, or back.

  gsf-tf convert --model=something-v1_segment8_best.pth.tar --labels=records/ssv1 --output=gsf.keras
  gsf-tf convert --model=gsf.pth.tar --output=gsf.keras --num_segments=16
  gsf-tf convert --model=old.keras --labels=labels.txt --output=new.keras
  gsf-tf convert --reverse --model=runs/mine --output=mine.pth.tar

Reads the files of GSF, GSM, TSM, TSN, GST, MotionSqueeze and RubiksNet, without PyTorch and
without running what is in them. Preset, classes, share of the channels and, where the file or its
name has it (..._segment8_...), frames are inferred and printed; what cannot be inferred has to be
given, and what is given must not contradict the file. The number of frames may: weights do not
depend on it.

The .keras file keeps the names of the classes (--labels: a text file with one name per line in
the order of the outputs, or the folder of the records), the preset, and how clips are made from
videos (--short_side, --sampling, --frame_stride). So evaluate, export and predict take it as
--model without further flags. A .keras file as --model gets what it lacks, its weights stay.

The other way round, with --reverse, --model is a workdir, a .keras file or a checkpoint. PyTorch is
not needed either: torch.load(path, weights_only=True) opens the result.
"""

import dataclasses
import pathlib

from absl import flags

from . import cli

# As in gsf_tf.data.pipeline.clip_rule and gsf_tf.trained.label_file; a test compares them.
SAMPLING = ("segments", "dense")
TORCH_FORMATS = (".pth", ".pth.tar", ".pt", ".tar")

_OUTPUT = flags.DEFINE_string("output", None, "File to write: .keras, or .pth.tar in reverse.")
_MODEL = flags.DEFINE_string("model", None, "Model to read; see above.")
_CHECKPOINT = flags.DEFINE_string("checkpoint", None, "PyTorch checkpoint, as --model.")
_WORKDIR = flags.DEFINE_string("workdir", None, "With --reverse: finished run, as --model.")
_LABELS = flags.DEFINE_string("labels", None, "Class names: a text file, or folder of records.")
_PRESET = flags.DEFINE_string("preset", None, "Preset, such as gsf_resnet50.")
_NUM_CLASSES = flags.DEFINE_integer("num_classes", None, "Number of classes.", lower_bound=1)
_NUM_SEGMENTS = flags.DEFINE_integer("num_segments", None, "Frames per clip.", lower_bound=1)
_CHANNEL_RATIO = flags.DEFINE_float(
    "channel_ratio", None, "Share of the channels that GSF or GSM processes.", 0, 1
)
_PLACEMENT = flags.DEFINE_string(
    "placement", None, "Where GSF or GSM sits, such as conv1; by default the paper's best."
)
_LAST_BLOCKS = flags.DEFINE_integer(
    "last_blocks", None, "Only the last so many places have a temporal layer.", lower_bound=1
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size", None, "Height and width of a frame in pixels; by default the paper's.", 1
)
_SHORT_SIDE = flags.DEFINE_integer(
    "short_side", None, "Short side to which videos are scaled; by default 256 / 224 of a frame.", 1
)
_SAMPLING = flags.DEFINE_enum("sampling", None, SAMPLING, "By default segments.")
_FRAME_STRIDE = flags.DEFINE_integer("frame_stride", None, "Distance of the frames if dense.", 1)
_SKIP_HEAD = flags.DEFINE_boolean(
    "skip_head", False, "Leave the linear layer out and start it anew, for --num_classes classes."
)
_REVERSE = flags.DEFINE_boolean("reverse", False, "Write a PyTorch checkpoint.")
flags.mark_flag_as_required("output")

_OF_THE_NETWORK = (
    *(_PRESET, _NUM_CLASSES, _NUM_SEGMENTS, _CHANNEL_RATIO, _PLACEMENT, _LAST_BLOCKS),
    *(_IMAGE_SIZE, _SKIP_HEAD),
)
_OF_THE_CLIPS = (_SHORT_SIDE, _SAMPLING, _FRAME_STRIDE)


def main(_):
    output = pathlib.Path(_OUTPUT.value)
    source = check_flags(output)

    import gsf_tf
    from gsf_tf.files.whole_file import reports_write_errors
    from gsf_tf.models.model_file import save_model_file
    from gsf_tf.trained import open_model
    from gsf_tf.workdir import Workdir

    console = cli.console()
    if _REVERSE.value:
        # Of a run, only the model is needed: its description may be another version's.
        is_run = _WORKDIR.value is not None
        model = Workdir(source).load_model() if is_run else open_model(source).layers_of
        with reports_write_errors(output, "output"):
            gsf_tf.weights.save_torch_checkpoint(segment_model(model, source), output)
        console.print(f"Wrote {output}: torch.load({str(output)!r}, weights_only=True) opens it.")
        return
    if source.endswith(TORCH_FORMATS):
        opened = open_model(read_checkpoint(source, console), _LABELS.value)
    else:
        opened = open_model(source, _LABELS.value)
    description = described(opened)
    with reports_write_errors(output, "output"):
        save_model_file(opened.layers_of, output, description.to_text())
    model = dataclasses.replace(opened, name=opened.network.name, description=description)
    console.print(f"Wrote {output}: {model.describe()}.")
    if description.labels is None:
        console.print(
            "It keeps no names of classes; --labels=FILE gives it some, here or in the commands "
            "that read it."
        )


def check_flags(output):
    """Checks the flags that belong together; returns the path of the model to read."""
    if not output.parent.is_dir():
        raise cli.FlagError(f"--output must be in a folder that exists. Received: {output}")
    allowed = ("model", "workdir") if _REVERSE.value else ("model", "checkpoint")
    given = [f for f in (_MODEL, _CHECKPOINT, _WORKDIR) if f.value is not None]
    if _REVERSE.value and (len(given) != 1 or given[0].name not in allowed):
        raise cli.FlagError(
            "--reverse needs one of --workdir=FOLDER and --model=FILE.keras. "
            f"Received: {' '.join(f'--{f.name}={f.value}' for f in given) or 'none'}"
        )
    if len(given) != 1 or given[0].name not in allowed:
        raise cli.FlagError(
            "--checkpoint=FILE.pth.tar must be given, or --model, or --reverse. Received: "
            f"{' '.join(f'--{f.name}={f.value}' for f in given) or 'neither.'}"
        )
    source = given[0].value
    if not _REVERSE.value and output.suffix != ".keras":
        raise cli.FlagError(f"--output must end in .keras. Received: {output}")
    is_open = source.endswith(TORCH_FORMATS) and not _REVERSE.value
    fixed = () if is_open else _OF_THE_NETWORK
    fixed += (*_OF_THE_CLIPS, _LABELS) if _REVERSE.value else ()
    fixed = [f"--{flag.name}" for flag in fixed if flag.present]
    if fixed:
        raise cli.FlagError(
            "Only a checkpoint of PyTorch leaves a network open, and only a .keras file keeps "
            f"labels and how clips are made. Received: {', '.join(fixed)} for {source}. Leave them "
            "out."
        )
    return source


def read_checkpoint(path, console):
    """Builds the model of a PyTorch checkpoint from what the file and the flags say."""
    import gsf_tf
    from gsf_tf.errors import UserError
    from gsf_tf.model_description import preset_arguments
    from gsf_tf.trained.open_model import describe_by_the_papers
    from gsf_tf.trained.trained_model import TrainedModel

    # ---- What the file says -------------------------------------------------------------------
    checkpoint = gsf_tf.weights.TorchCheckpoint.read(path)
    found = gsf_tf.weights.infer_preset(checkpoint)
    for name in ("preset", "num_classes", "channel_ratio", "num_segments"):
        value = getattr(found, name)
        console.print(f"{name:>14}: {'unknown' if value is None else value}")

    # ---- Model --------------------------------------------------------------------------------
    if _SKIP_HEAD.value:
        found = dataclasses.replace(found, num_classes=None)
    arguments = found.complete(
        _PRESET.value, _NUM_CLASSES.value, _NUM_SEGMENTS.value, _CHANNEL_RATIO.value
    )
    if _IMAGE_SIZE.value:
        arguments["input_shape"] = (_IMAGE_SIZE.value, _IMAGE_SIZE.value, 3)
    arguments.update(placement=_PLACEMENT.value, last_blocks=_LAST_BLOCKS.value)
    try:
        model = gsf_tf.models.from_preset(**arguments)
    except ValueError as error:
        raise UserError(f"The flags must describe a preset. {error}") from error
    gsf_tf.weights.load_torch_checkpoint(model, checkpoint, skip_head=_SKIP_HEAD.value)
    # Labels beside the file are those of its linear layer, which a new one need not have.
    beside = None if _SKIP_HEAD.value else pathlib.Path(path)
    description = describe_by_the_papers(model, beside, preset_arguments(arguments))
    return TrainedModel(str(path), model, description)


def described(opened):
    """Returns the description of a model with what the flags say of its clips."""
    from gsf_tf.errors import UserError

    changes = {flag.name: flag.value for flag in _OF_THE_CLIPS if flag.value is not None}
    try:
        return dataclasses.replace(opened.description, **changes)
    except ValueError as error:
        raise UserError(f"The flags must describe how clips are made. {error}") from error


def segment_model(model, source):
    """Checks that a model is one whose layers the authors' files name."""
    import gsf_tf
    from gsf_tf.errors import UserError

    if not isinstance(model, gsf_tf.models.SegmentModel):
        raise UserError(
            "--model must be a segment model of gsf_tf. "
            f"Received: {source}, a {type(model).__name__}"
        )
    return model


if __name__ == "__main__":
    cli.run(main)
