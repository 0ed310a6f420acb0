"""Write the features of videos: the vectors before the classifier.

  gsf-tf features --workdir=runs/gsf --output=features.npz
  gsf-tf features --model=gsf_ssv1.keras --records=records/ssv1 --split=val --output=features.npz

The file has ids [N], labels [N], vectors [N, C] and class_names [K]; NumPy reads it with np.load,
and gsf_tf.evaluation.Features.load too. The vectors are averaged over the frames of one clip, the
center crop. gsf-tf analyze draws them, by t-SNE and by their principal components.
"""

import os

from absl import flags

from . import cli

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a training run.")
_MODEL = flags.DEFINE_string("model", None, "Another model: a .keras file or a checkpoint.")
_OUTPUT = flags.DEFINE_string("output", "features.npz", "File to write; ends in .npz.")
_RECORDS = flags.DEFINE_string("records", None, "Records; by default those of the training run.")
_SPLIT = flags.DEFINE_string("split", None, "Split; by default the run's validation split.")
_LABELS = flags.DEFINE_string("labels", None, "Class names, if the model keeps none.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Views that run through the model at once.", 1)


def main(argv):
    if len(argv) > 1:
        raise cli.FlagError(f"All values must be flags. Received: {' '.join(argv[1:])}.")
    cli.one_of(_WORKDIR, _MODEL)
    if not _OUTPUT.value.endswith(".npz") or not os.path.isdir(
        os.path.dirname(_OUTPUT.value) or "."
    ):
        raise cli.FlagError(
            "--output must be a file that ends in .npz, in a folder that exists. Received: "
            f"--output={_OUTPUT.value}."
        )

    from gsf_tf.data import reports_damage
    from gsf_tf.evaluation import extract_features

    from .analyzed_model import analyzed_models

    console = cli.console()
    (model,) = analyzed_models(
        [_WORKDIR.value] if _WORKDIR.value else [],
        [_MODEL.value] if _MODEL.value else [],
        _LABELS.value,
        _RECORDS.value,
        _SPLIT.value,
        most_videos=1,
    )
    network = model.opened.layers_of
    with reports_damage(), cli.progress(console) as progress:
        bar = progress.add_task(f"Reading {model.subject.split}", total=model.clips, info="")
        found = extract_features(
            network,
            model.dataset(every_video=True),
            list(model.labels.names),
            views_per_step=_BATCH_SIZE.value,
            on_step=lambda videos: progress.update(bar, completed=videos),
        )
    found.save(_OUTPUT.value)
    videos, channels = found.vectors.shape
    console.print(f"Wrote {_OUTPUT.value}: {videos} vectors of {channels} features")


if __name__ == "__main__":
    cli.run(main)
