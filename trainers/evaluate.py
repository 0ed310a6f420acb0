"""Evaluate a trained model by the papers' protocols, or fuse scores.

  gsf-tf evaluate --workdir=runs/mine
  gsf-tf evaluate --workdir=runs/mine --protocol=accuracy
  gsf-tf evaluate --workdir=runs/mine --clips=4 --crops=1 --split=test
  gsf-tf evaluate --workdir=runs/mine --protocol=accuracy --full_short_side --image_size=256
  gsf-tf evaluate --model=gsf_ssv1.keras --records=records/ssv1 --protocol=accuracy
  gsf-tf evaluate --workdir=runs/both \\
      --fuse=runs/8f/scores_accuracy.npz,runs/16f/scores_accuracy.npz
  gsf-tf evaluate --splits=runs/split1,runs/split2,runs/split3 --protocol=accuracy \\
      --output=runs/splits

--protocol is efficiency (1 clip x 1 center crop), accuracy (2 x 3) or kinetics (10 x 3); --clips
and --crops set any other. --full_short_side takes crops over the whole short side instead of 224 of
its 256 parts. --image_size and --num_segments run the weights on frames of another size and on
another number of frames than in training. TSM's full-resolution test is --protocol=accuracy
--full_short_side --image_size=256. --crops_along=width takes the crops of upright videos from left
to right too, as the papers' authors do, instead of from top to bottom. Logits are averaged over the
views of a video. Clips are sampled as in training (segments or dense windows).

--model is a workdir, a .keras file, an export or a checkpoint of the authors. Without a workdir,
--records names the records, whose labels must be those of the model (--labels names them if the
model keeps none), --split is val, and the results go to a folder beside the model, such as
gsf_ssv1.evaluation. The paper's top-1 is shown where a configuration has the same preset, dataset
and number of frames.

Writes to the workdir or to --output, with the protocol in the names (and the split, the model, the
image size and the number of frames, if others than the run's):

  eval_accuracy.json       top-1, top-5, mean class accuracy, the paper's top-1 where the
                           configuration names it, and what was evaluated: views, records, missing
                           videos, model and label hashes, seed, versions
  per_class_accuracy.csv   a line per class
  confusion_accuracy.npy   and .png: rows the true classes, columns the predicted ones
  scores_accuracy.npz      logits and label of every video, for --fuse (--scores_csv: as text too)

A model with verb, noun and action has tables for each of them, and verb_noun_top1: both right.

With --fuse, no model runs: the files' scores are averaged, and --output (or --workdir) is the
folder for the result, eval_fused.json and the rest. They must be of the same videos, labels and
classes. --fuse_weights=1,2 gives the second file twice the weight of the first.

--splits evaluates a run for each official split of UCF-101 or HMDB-51, each on its own records, and
writes the mean of the figures, beside the paper's, to eval_accuracy_splits.json in --output.

--submission=FILE.zip writes the scores of verbs and nouns in the format of the EPIC-KITCHENS-100
challenge, with --supervision=PRETRAINING,LABELS,DATA, its levels of supervision (2,3,3).
"""

import os

from absl import flags

from . import cli

# As in gsf_tf.evaluation.protocol, gsf_tf.data.pipeline.cropping and gsf_tf.evaluation.fusion; a
# test compares them.
PROTOCOLS = ("efficiency", "accuracy", "kinetics")
CROPS_ALONG = ("longer_side", "width")
MEANS = ("logits", "probabilities")

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a training run; for the results.")
_PROTOCOL = flags.DEFINE_enum("protocol", None, PROTOCOLS, "By default efficiency.")
_CLIPS = flags.DEFINE_integer("clips", None, "Clips per video, instead of --protocol.", 1)
_CROPS = flags.DEFINE_integer("crops", None, "Crops per clip, instead of --protocol.", 1)
_FULL = flags.DEFINE_bool("full_short_side", False, "Crops reach over the whole short side.")
_CROPS_ALONG = flags.DEFINE_enum(
    "crops_along", CROPS_ALONG[0], CROPS_ALONG, "Where several crops lie."
)
_IMAGE_SIZE = flags.DEFINE_integer("image_size", None, "Pixels; by default those of the model.", 1)
_NUM_SEGMENTS = flags.DEFINE_integer("num_segments", None, "Frames; by default the model's.", 1)
_MODEL = flags.DEFINE_string(
    "model", None, "Any model; with --workdir a .keras file, by default the run's model.keras."
)
_LABELS = flags.DEFINE_string("labels", None, "Class names, if the model keeps none.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the results; by default the workdir.")
_RECORDS = flags.DEFINE_string("records", None, "Records; by default those of the training run.")
_SPLIT = flags.DEFINE_string("split", None, "Split; by default the run's validation split.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Views that run through the model at once.", 1)
_SCORES_CSV = flags.DEFINE_bool("scores_csv", False, "Also write the scores as text.")
_FUSE = flags.DEFINE_list("fuse", None, "Scores files to average, separated by commas.")
_FUSE_MEAN = flags.DEFINE_enum("fuse_mean", MEANS[0], MEANS, "What --fuse averages.")
_FUSE_WEIGHTS = flags.DEFINE_list("fuse_weights", None, "Weight of each file of --fuse.")
_SPLITS = flags.DEFINE_list("splits", None, "Workdirs of a run per official split.")
_SUBMISSION = flags.DEFINE_string("submission", None, "Zip file for the EPIC-KITCHENS challenge.")
_SUPERVISION = flags.DEFINE_list("supervision", ["2", "3", "3"], "Its levels of supervision, 0-5.")


def main(_):
    if _FUSE.value or _SPLITS.value:
        check_alone()
    else:
        check_view_flags()
    weights, supervision = check_numbers()

    from gsf_tf.evaluation.epic_submission import check_classes, check_levels
    from gsf_tf.workdir import Workdir

    from .evaluation_report import print_report
    from .evaluation_run import evaluate, fuse
    from .evaluation_splits import evaluate_splits
    from .evaluation_subject import evaluation_subject

    if _SUBMISSION.value:
        check_levels(supervision)
    console = cli.console()
    options = {
        "image_size": _IMAGE_SIZE.value,
        "num_segments": _NUM_SEGMENTS.value,
        "views_per_step": _BATCH_SIZE.value,
        "scores_csv": _SCORES_CSV.value,
    }
    if _FUSE.value:
        results = Workdir(_OUTPUT.value or _WORKDIR.value)
        name = "fused"
        report = fuse(results, _FUSE.value, _FUSE_MEAN.value, weights, _SCORES_CSV.value)
    elif _SPLITS.value:
        results = Workdir(_OUTPUT.value)
        name, report = evaluate_splits(_SPLITS.value, results, views(), console, **options)
    else:
        subject = evaluation_subject(
            _WORKDIR.value, _MODEL.value, _LABELS.value, _RECORDS.value, _SPLIT.value, _OUTPUT.value
        )
        results = subject.results
        check_names = check_classes if _SUBMISSION.value else None
        name, report = evaluate(subject, views(), console, **options, check_names=check_names)
    print_report(console, report)
    console.print(f"Wrote {results.path / f'eval_{name}.json'} and the files beside it")
    if _SUBMISSION.value:
        write_submission(results.path / f"scores_{name}.npz", supervision)
        console.print(f"Wrote {_SUBMISSION.value} for the challenge")


def views():
    """Returns the `Protocol` that the flags name."""
    from gsf_tf.evaluation import Protocol

    crops = _FULL.value, _CROPS_ALONG.value
    if _CLIPS.value or _CROPS.value:
        return Protocol(_CLIPS.value or 1, _CROPS.value or 1, *crops)
    return Protocol.named(_PROTOCOL.value or "efficiency", *crops)


def write_submission(scores, supervision):
    from gsf_tf.evaluation import Scores, save_epic_submission

    try:
        save_epic_submission(Scores.load(scores), _SUBMISSION.value, supervision)
    except OSError as error:
        raise cli.FlagError(
            "--submission must be a file that can be written. Received: "
            f"--submission={_SUBMISSION.value} ({error})."
        ) from error


def check_numbers():
    """Returns the values of --fuse_weights and --supervision as numbers."""
    if _FUSE_WEIGHTS.value and not _FUSE.value:
        raise cli.FlagError("--fuse_weights are those of the files of --fuse. Received: no --fuse.")
    if _SUPERVISION.present and not _SUBMISSION.value:
        raise cli.FlagError("--supervision belongs to --submission. Received: no --submission.")
    if _SUBMISSION.value and _SPLITS.value:
        raise cli.FlagError(
            "--submission is of one run or of --fuse. Received: --submission and --splits."
        )
    if _SUBMISSION.value and not os.path.isdir(os.path.dirname(_SUBMISSION.value) or "."):
        raise cli.FlagError(
            "--submission must be a file in a folder that exists. Received: "
            f"--submission={_SUBMISSION.value}."
        )
    weights = _FUSE_WEIGHTS.value and numbers(_FUSE_WEIGHTS, float)
    return weights, tuple(numbers(_SUPERVISION, int))


def numbers(flag, kind):
    try:
        return [kind(text) for text in flag.value]
    except ValueError as error:
        raise cli.FlagError(
            f"--{flag.name} must be numbers, separated by commas. "
            f"Received: --{flag.name}={','.join(flag.value)}."
        ) from error


def check_alone():
    """Checks that --fuse or --splits comes without flags for a single model."""
    others = [_MODEL, _LABELS, _RECORDS, _SPLIT]
    if _FUSE.value:
        mode, reason = "--fuse", "no model runs, so what to run it on is left out"
        others += [_PROTOCOL, _CLIPS, _CROPS, _FULL, _CROPS_ALONG, _IMAGE_SIZE, _NUM_SEGMENTS]
        others += [_SPLITS]
    else:
        mode, reason = "--splits", "each run has its own model and records, so these are left out"
        others += [_WORKDIR]
    given = [f"--{flag.name}" for flag in others if flag.present]
    if given:
        raise cli.FlagError(f"With {mode} {reason}. Received: {mode} and {', '.join(given)}.")
    folder = _OUTPUT.value or (_FUSE.value and _WORKDIR.value)
    if not folder:
        raise cli.FlagError(f"{mode} needs --output, the folder for the result. Received: none.")
    if not _FUSE.value:
        check_views()


def check_view_flags():
    if _WORKDIR.value is None and _MODEL.value is None:
        raise cli.FlagError("One of --workdir and --model must be given. Received: neither.")
    check_views()


def check_views():
    if _PROTOCOL.value and (_CLIPS.value or _CROPS.value):
        raise cli.FlagError(
            "Views are chosen by --protocol or by --clips and --crops. Received: "
            f"--protocol={_PROTOCOL.value} with --clips={_CLIPS.value} and "
            f"--crops={_CROPS.value}. Leave one of them out."
        )


if __name__ == "__main__":
    cli.run(main)
