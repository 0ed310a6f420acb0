"""Export a trained model as a SavedModel for TensorFlow Serving.

  gsf-tf export --workdir=runs/mine
  gsf-tf export --workdir=runs/rubiksnet_aq --harden
  gsf-tf export --model=gsf_ssv1.keras --labels=labels.txt --output=served

--model is a workdir, a .keras file or a checkpoint of the authors. Writes <n>/ to --output, n
counting up; by default to export/ in the workdir, or in the folder of the file. The SavedModel
holds standard TensorFlow ops only; before the command says done, it was loaded by a process without
gsf_tf and its outputs were compared with the model's. Signature serving_default: clip, uint8
[N, T, H, W, 3] RGB, to probabilities and logits, float32 [N, K]; class names in assets/labels.txt.
A model for verb, noun and action gives verb_probabilities and the like too. With --harden the
attention and the quantized shifts of a RubiksNet become integer shifts first.
"""

import pathlib

from absl import flags

from . import cli

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a finished training run, as --model.")
_MODEL = flags.DEFINE_string("model", None, "Workdir, .keras file or checkpoint of the authors.")
_LABELS = flags.DEFINE_string("labels", None, "Class names, if the model keeps none.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder of the exports; by default beside the model.")
_FORMAT = flags.DEFINE_enum("format", "saved_model", ["saved_model"], "What to write.")
_HARDEN = flags.DEFINE_boolean("harden", False, "Turn learned attention into integer shifts first.")


def main(_):
    source = pathlib.Path(cli.one_of(_MODEL, _WORKDIR))

    from gsf_tf.export.saved_model import export_saved_model, next_version
    from gsf_tf.trained import open_model

    opened = open_model(source, _LABELS.value)
    model, labels, clips = opened.layers_of, opened.labels, opened.description
    folder = source if source.is_dir() else source.parent
    path = next_version(_OUTPUT.value or folder / "export")
    console = cli.console()
    if _HARDEN.value:
        model = hardened(model, console)
    with console.status("Exporting, and running the result on stock TensorFlow"):
        difference = export_saved_model(
            model,
            labels,
            path,
            short_side=clips.short_side,
            sampling=clips.sampling,
            frame_stride=clips.frame_stride,
        )
    console.print(
        f"Wrote {path} (standard ops only; logits equal to the model's within {difference:.1e})"
    )


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
