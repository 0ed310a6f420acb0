"""Export a trained model as a SavedModel for TensorFlow Serving.

  gsf-tf export --workdir=runs/mine
  gsf-tf export --workdir=runs/rubiksnet_aq --harden

Writes export/<n>/ to the workdir, n counting up. The SavedModel holds standard TensorFlow ops only;
before the command says done, it was loaded by a process without gsf_tf and its outputs were
compared with the model's. Signature serving_default: clip, uint8 [N, T, H, W, 3] RGB, to
probabilities and logits, float32 [N, K]; class names in assets/labels.txt. A model for verb, noun
and action gives verb_probabilities and the like too. With --harden the attention and the quantized
shifts of a RubiksNet become integer shifts first.
"""

from absl import flags

from . import cli

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a finished training run.")
_FORMAT = flags.DEFINE_enum("format", "saved_model", ["saved_model"], "What to write.")
_HARDEN = flags.DEFINE_boolean("harden", False, "Turn learned attention into integer shifts first.")
flags.mark_flag_as_required("workdir")


def main(_):
    from gsf_tf.export.saved_model import export_saved_model, next_version
    from gsf_tf.workdir import Workdir

    workdir = Workdir(_WORKDIR.value)
    data = workdir.read_config("data.sampling", "data.frame_stride")["data"]
    records = workdir.read_run("records.short_side")["records"]
    model, labels = workdir.load_model(), workdir.read_labels()
    path = next_version(workdir.exports)
    console = cli.console()
    if _HARDEN.value:
        model = hardened(model, console)
    with console.status("Exporting, and running the result on stock TensorFlow"):
        difference = export_saved_model(
            model,
            labels,
            path,
            short_side=records["short_side"],
            sampling=data["sampling"],
            frame_stride=data["frame_stride"],
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
