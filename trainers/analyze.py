"""Analyze trained models: one page with the papers' figures for any run.

  gsf-tf analyze --workdir=runs/gsf --output=report
  gsf-tf analyze --workdir=runs/tsn,runs/gsf --output=report
  gsf-tf analyze --model=gsf_ssv1.keras --records=records/ssv1 --output=report
  gsf-tf analyze --workdir=runs/gsf --output=report --skip=features,orders
  gsf-tf analyze --workdir=runs/gsf --output=report \\
      --compare=runs/tsn/scores_efficiency.npz,runs/gsf/scores_efficiency.npz

Writes a folder with index.html, which holds all pictures and small tables and needs no server, and
every figure as PNG and SVG with its numbers as CSV. The parts, each of which --parts chooses and
--skip leaves out:

  training   loss, accuracy, learning rates, waiting for input, gates and shifts over the epochs
  trade_off  accuracy against multiply-accumulates, beside the papers' results on the dataset
  gains      classes that gain and lose from the first model to the others, with intervals and
             McNemar's test; of the models, or of the files of scores in --compare
  errors     classes, confused pairs, confident mistakes, accuracy against the length of a video
  orders     accuracy with the frames reversed, shuffled, and one frame repeated
  gates      the gates of each layer of GSF and GSM over the split
  shifts     the shifts of each layer of RubiksNet
  saliency   class activation, Grad-CAM (of --layer) and gates of --clips clips, as strip and video
  features   the features by t-SNE and PCA, colored by class or by --groups, with the silhouette

A part that does not apply to a model, or that cannot be drawn, says so on the page. Several models
must have the same classes, and for the gains the same videos. Scores of gsf-tf evaluate (efficiency
protocol) are taken if they are of the same model and clips; otherwise the split is scored. gates,
orders and features take at most --videos videos, evenly spaced.

--groups is a CSV file with a class and its group in each line.
"""

import shlex
import sys

from absl import flags

from . import cli
from .analysis_flags import AnalysisOptions, chosen_parts

_WORKDIR = flags.DEFINE_list("workdir", [], "Folders of training runs, separated by commas.")
_MODEL = flags.DEFINE_list("model", [], "Other models: .keras files, exports, checkpoints.")
_OUTPUT = flags.DEFINE_string("output", "report", "Folder for the report.")
_RECORDS = flags.DEFINE_string("records", None, "Records; by default those of the training run.")
_SPLIT = flags.DEFINE_string("split", None, "Split; by default the run's validation split.")
_LABELS = flags.DEFINE_string("labels", None, "Class names, if the model keeps none.")
_COMPARE = flags.DEFINE_list("compare", [], "Files of scores for the gains, the baseline first.")
_PARTS = flags.DEFINE_list("parts", [], "Parts of the report; by default all.")
_SKIP = flags.DEFINE_list("skip", [], "Parts to leave out.")
_CLIPS = flags.DEFINE_integer("clips", 3, "Clips of the part saliency.", 1, 100)
_LAYER = flags.DEFINE_string("layer", None, "Layer of Grad-CAM; by default the last temporal one.")
_GROUPS = flags.DEFINE_string("groups", None, "CSV file with the group of each class.")
_VIDEOS = flags.DEFINE_integer("videos", 1000, "Most videos of gates, orders and features.", 1)


def main(argv):
    if len(argv) > 1:
        raise cli.FlagError(f"All values must be flags. Received: {' '.join(argv[1:])}.")
    if not _WORKDIR.value and not _MODEL.value:
        raise cli.FlagError("One of --workdir and --model must be given. Received: neither.")
    if len(_COMPARE.value) == 1:
        raise cli.FlagError(
            "--compare must name two files of scores or more, the baseline first. Received: "
            f"--compare={_COMPARE.value[0]}."
        )
    options = AnalysisOptions(
        _OUTPUT.value,
        chosen_parts(_PARTS.value, _SKIP.value),
        tuple(_COMPARE.value),
        _CLIPS.value,
        _LAYER.value,
        _GROUPS.value,
    )

    from .analysis_parts import analyze
    from .analyzed_model import analyzed_models

    console, command = cli.console(), shlex.join(["gsf-tf", "analyze", *sys.argv[1:]])
    models = analyzed_models(
        _WORKDIR.value, _MODEL.value, _LABELS.value, _RECORDS.value, _SPLIT.value, _VIDEOS.value
    )
    with cli.progress(console) as progress:
        report, page = analyze(models, options, progress, command)
    for section in report.sections:
        for note in section.notes:
            console.print(f"{section.name}: {note}")
    if report.boxes:
        console.print(
            "No font of this machine has these characters, which the pictures show as boxes: "
            f"{''.join(sorted(report.boxes))[:80]}. Install one, such as Noto Sans CJK."
        )
    console.print(f"Wrote {page} and the files beside it")


if __name__ == "__main__":
    cli.run(main)
