"""Convert a checkpoint of the authors' PyTorch code to Keras, or back.

  gsf-tf convert --checkpoint=something-v1_segment8_best.pth.tar --output=model.keras
  gsf-tf convert --checkpoint=gsf.pth.tar --output=model.keras --num_segments=16
  gsf-tf convert --reverse --workdir=runs/mine --output=mine.pth.tar
  gsf-tf convert --reverse --model=model.keras --output=mine.pth.tar

Reads the files of GSF, GSM, TSM, TSN, GST, MotionSqueeze and RubiksNet, without PyTorch and
without running what is in them. Preset, classes, share of the channels and, where the file or its
name has it (..._segment8_...), frames are inferred and printed; what cannot be inferred has to be
given, and what is given must not contradict the file. The number of frames may: weights do not
depend on it. The other way round PyTorch is not needed either: torch.load(path, weights_only=True)
opens the result.
"""

import dataclasses
import pathlib

from absl import flags

from . import cli

_OUTPUT = flags.DEFINE_string("output", None, "File to write: .keras, or .pth.tar in reverse.")
_CHECKPOINT = flags.DEFINE_string("checkpoint", None, "PyTorch checkpoint to read.")
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
_SKIP_HEAD = flags.DEFINE_boolean(
    "skip_head", False, "Leave the linear layer out and start it anew, for --num_classes classes."
)
_REVERSE = flags.DEFINE_boolean("reverse", False, "Write a PyTorch checkpoint.")
_WORKDIR = flags.DEFINE_string("workdir", None, "With --reverse: folder of a finished run.")
_MODEL = flags.DEFINE_string("model", None, "With --reverse: a .keras file.")
flags.mark_flag_as_required("output")


def main(_):
    output = pathlib.Path(_OUTPUT.value)
    check_flags(output)

    import gsf_tf
    from gsf_tf.errors import UserError
    from gsf_tf.models.model_file import save_model_file
    from gsf_tf.whole_file import reports_write_errors

    console = cli.console()
    if _REVERSE.value:
        model = read_keras_model()
        with reports_write_errors(output, "output"):
            gsf_tf.weights.save_torch_checkpoint(model, output)
        console.print(f"Wrote {output}: torch.load({str(output)!r}, weights_only=True) opens it.")
        return

    # ---- What the file says -------------------------------------------------------------------
    checkpoint = gsf_tf.weights.TorchCheckpoint.read(_CHECKPOINT.value)
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
    try:
        model = gsf_tf.models.from_preset(
            **arguments, placement=_PLACEMENT.value, last_blocks=_LAST_BLOCKS.value
        )
    except ValueError as error:
        raise UserError(f"The flags must describe a preset. {error}") from error
    gsf_tf.weights.load_torch_checkpoint(model, checkpoint, skip_head=_SKIP_HEAD.value)
    with reports_write_errors(output, "output"):
        save_model_file(model, output)
    console.print(
        f"Wrote {output}: {model.name}, {model.num_segments} frames of "
        f"{model.input_shape[2]} x {model.input_shape[3]} pixels, {model.num_classes} classes."
    )


def check_flags(output):
    """Checks the flags that belong together."""
    if not output.parent.is_dir():
        raise cli.FlagError(f"--output must be in a folder that exists. Received: {output}")
    if _REVERSE.value:
        if (_WORKDIR.value is None) == (_MODEL.value is None):
            raise cli.FlagError(
                "--reverse needs one of --workdir=FOLDER and --model=FILE.keras. "
                f"Received: workdir={_WORKDIR.value}, model={_MODEL.value}"
            )
    elif _CHECKPOINT.value is None:
        raise cli.FlagError(
            "--checkpoint=FILE.pth.tar must be given, or --reverse. Received: neither."
        )
    elif output.suffix != ".keras":
        raise cli.FlagError(f"--output must end in .keras. Received: {output}")


def read_keras_model():
    """Returns the model of --workdir or --model."""
    import gsf_tf
    from gsf_tf.errors import UserError
    from gsf_tf.models.model_file import read_model_file
    from gsf_tf.workdir import Workdir

    if _WORKDIR.value is not None:
        return Workdir(_WORKDIR.value).load_model()
    model = read_model_file(_MODEL.value)
    if not isinstance(model, gsf_tf.models.SegmentModel):
        raise UserError(
            "--model must be a segment model of gsf_tf. "
            f"Received: {_MODEL.value}, a {type(model).__name__}"
        )
    return model


if __name__ == "__main__":
    cli.run(main)
