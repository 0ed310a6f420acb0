"""Export a trained model for TensorFlow Serving, LiteRT, ONNX or as a web page.

  gsf-tf export --workdir=runs/mine
  gsf-tf export --workdir=runs/rubiksnet_aq --harden
  gsf-tf export --model=gsf_ssv1.keras --labels=labels.txt --output=served
  gsf-tf export --workdir=runs/mine --format=saved_model,litert,onnx
  gsf-tf export --workdir=runs/mine --format=litert --litert=float16,int8 --calibration=records

--model is a workdir, a .keras file or a checkpoint of the authors. Writes <n>/ to --output, n
counting up; by default to export/ in the workdir, or in the folder of the file. The SavedModel
holds standard TensorFlow ops only; before the command says done, it was loaded by a process without
gsf_tf and its outputs were compared with the model's. Signature serving_default: clip, uint8
[N, T, H, W, 3] RGB, to probabilities and logits, float32 [N, K]; class names in assets/labels.txt.
A model for verb, noun and action gives verb_probabilities and the like too. With --harden the
attention and the quantized shifts of a RubiksNet become integer shifts first.

--precision=bfloat16 writes a SavedModel whose convolutions and products are in bfloat16, for
processors with AVX-512 BF16 or AMX (docs/performance.md has the times). The difference from the
model is measured; with --calibration also on clips of records.

README.md in the export is its model card: what is known of the training, accuracies that
`gsf-tf evaluate` has measured with these weights, the input step by step, sizes and differences.
--data_license adds under which license the training data are.

Other formats go to <output>_litert/<n>/ and <output>_onnx/<n>/, with the same input and outputs.
Each is run by its own runtime, in a process without TensorFlow, and compared with the model too;
sizes and differences are in export.json. LiteRT has the kinds float32, float16, dynamic_int8 and
int8. int8 needs --calibration: "records" for the training records of the run, or a folder of
records of the same classes. The folder of an ONNX model is a model of NVIDIA Triton.

The format web is a static page in <output>_web/<n>/: serve the folder, open it in a browser, choose
a video or use the webcam, and see the classes. The browser runs the LiteRT model, whose kind is
--web_kind. The first export downloads LiteRT.js and Mediabunny (14 MB); Keras' cache keeps them.

The formats streaming (a SavedModel with the signatures init and step) and streaming_litert take
frame by frame and keep a state, for TSM, GSM, GSF and RubiksNet; docs/streaming.md. Their logits
are means over as many frames as a clip has.
"""

import pathlib

from absl import flags

from . import cli

FORMATS = ("saved_model", "litert", "onnx", "web", "streaming", "streaming_litert")
# As in gsf_tf.export.litert; a test compares them.
LITERT_KINDS = ("float32", "float16", "dynamic_int8", "int8")
# As in gsf_tf.export.saved_model.
PRECISIONS = ("float32", "bfloat16")

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a finished training run, as --model.")
_MODEL = flags.DEFINE_string("model", None, "Workdir, .keras file or checkpoint of the authors.")
_LABELS = flags.DEFINE_string("labels", None, "Class names, if the model keeps none.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder of the exports; by default beside the model.")
_FORMAT = flags.DEFINE_list("format", "saved_model", f"What to write: {', '.join(FORMATS)}.")
_LITERT = flags.DEFINE_list("litert", "float32", f"Kinds of LiteRT: {', '.join(LITERT_KINDS)}.")
_PRECISION = flags.DEFINE_enum(
    "precision", "float32", PRECISIONS, "In what the SavedModel computes."
)
_WEB_KIND = flags.DEFINE_enum("web_kind", "float32", LITERT_KINDS, "Kind of the page's model.")
_CALIBRATION = flags.DEFINE_string(
    "calibration", None, "Records for int8 and for measuring: a folder, or 'records', the run's."
)
_CALIBRATION_CLIPS = flags.DEFINE_integer("calibration_clips", 100, "How many of their clips.", 1)
_ONNX_BATCH = flags.DEFINE_integer("onnx_batch", None, "Clips per batch; by default any number.", 1)
_WARMUP = flags.DEFINE_boolean(
    "warmup", False, "Add warm-up requests for TensorFlow Serving to the SavedModel."
)
_DATA_LICENSE = flags.DEFINE_string(
    "data_license", None, "License of the training data, as their owner gives it; for the card."
)
_HARDEN = flags.DEFINE_boolean("harden", False, "Turn learned attention into integer shifts first.")


def main(_):
    source = pathlib.Path(cli.one_of(_MODEL, _WORKDIR))
    check_flags()

    from gsf_tf.trained import open_model

    from .export_card import model_card
    from .export_formats import FormatOptions, write_formats

    opened = open_model(source, _LABELS.value)
    model, labels, clips = opened.layers_of, opened.labels, opened.description
    console = cli.console()
    if _HARDEN.value:
        model = hardened(model, console)
    beside = source if source.is_dir() else source.parent
    sampling = {"sampling": clips.sampling, "frame_stride": clips.frame_stride}
    options = FormatOptions(
        tuple(_LITERT.value),
        _WEB_KIND.value,
        calibration(source, model, labels, sampling),
        _ONNX_BATCH.value,
        _WARMUP.value,
        model_card(opened, source, _DATA_LICENSE.value, _HARDEN.value),
        _PRECISION.value,
    )
    folder = pathlib.Path(_OUTPUT.value or beside / "export")
    recipe = {"short_side": clips.short_side, **sampling}
    write_formats(_FORMAT.value, model, labels, folder, recipe, options, console)


def check_flags():
    unknown = [name for name in _FORMAT.value if name not in FORMATS]
    if unknown or not _FORMAT.value:
        raise cli.FlagError(
            f"--format must be names among {', '.join(FORMATS)}, separated by commas. "
            f"Received: --format={','.join(_FORMAT.value)}"
        )
    measured = ["litert", "web"] + ["saved_model"] * (_PRECISION.value != "float32")
    belongs = (
        (_LITERT, ["litert"], ""),
        (_WEB_KIND, ["web"], ""),
        (_CALIBRATION, measured, ", or to --precision=bfloat16"),
        (_ONNX_BATCH, ["onnx"], ""),
        (_PRECISION, ["saved_model"], ""),
    )
    for flag, wanted, otherwise in belongs:
        if flag.present and not set(wanted) & set(_FORMAT.value):
            raise cli.FlagError(
                f"--{flag.name} belongs to --format={' or '.join(wanted)}{otherwise}. "
                f"Received: --format={','.join(_FORMAT.value)}"
            )


def calibration(source, model, labels, sampling):
    """Returns the clips that --calibration names, or None."""
    from gsf_tf.export import calibration_clips
    from gsf_tf.workdir import Workdir

    records = _CALIBRATION.value
    if records is None:
        return None
    if records == "records":
        if not source.is_dir():
            raise cli.FlagError(
                "--calibration=records means the records of a run, so --model must be a workdir. "
                f"Received: --model={source}. Name the folder of the records."
            )
        records = Workdir(source).read_config("data.records")["data"]["records"]
    return calibration_clips(records, model, labels, num_clips=_CALIBRATION_CLIPS.value, **sampling)


def hardened(model, console):
    """Returns the model with integer shifts and prints how many channels move, layer by layer."""
    from gsf_tf.errors import UserError
    from gsf_tf.models import harden

    try:
        result = harden(model)
    except ValueError as error:
        raise UserError(f"--harden needs something to harden. {error}") from error
    for name, share in result.nonzero_shares.items():
        console.print(f"{name:>28}: {share:.1%} of the channels move")
    if result.nonzero_shares:
        budget = "no budget" if result.budget is None else f"budget {result.budget:.1%}"
        console.print(
            f"{'mean':>28}: {result.nonzero_share:.1%} ({budget}); attention was within "
            f"{result.largest_error:.1e} of 0 and 1"
        )
    return result.model


if __name__ == "__main__":
    cli.run(main)
