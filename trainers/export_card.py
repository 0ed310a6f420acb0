"""What `gsf-tf export` knows of a model's training, for the model card of the export."""

from gsf_tf.export import ModelCard
from gsf_tf.files.regular_file import read_json
from gsf_tf.workdir import Workdir

from .evaluation_subject import results_folder


def model_card(opened, source, data_license, hardened):
    """Returns the `ModelCard` of a model.

    Args:
        opened: `TrainedModel`.
        source: Path of the workdir or of the file that it was opened from. Evaluations of these
            weights that are there, or where `gsf-tf evaluate` puts them, belong to the card.
        data_license: What the user says of the license of the data, or None.
        hardened: Whether the exported model has integer shifts instead. Then the evaluations are of
            the model before that.
    """
    is_run, run = source.is_dir(), Workdir(source if source.is_dir() else source.parent)
    of_run = is_run or source in (run.model_file, run.best_model_file)
    folders = [source] if is_run else [results_folder(source), source.parent]
    preset = opened.description.preset or {}
    network = preset.get("preset", opened.network.name)
    return ModelCard(
        title=source.resolve().name,
        network=f"{network}, hardened" if hardened else network,
        trained_on=_trained_on(run) if of_run and run.config_file.exists() else None,
        data_license=data_license,
        evaluations=tuple(e for f in folders for e in _evaluations(opened, f, hardened)),
    )


def _trained_on(workdir):
    """Returns a text on the data of a run."""
    records = workdir.read_config("data.records")["data"]["records"]
    described = workdir.read_run("records")["records"]
    fingerprint = described.get("source_fingerprint", "not given")
    return f"the records {records} (fingerprint of their list of clips: {fingerprint})"


def _evaluations(opened, folder, hardened):
    """Yields the evaluations of these weights, by the names of their files."""
    for file in sorted(folder.glob("eval_*.json")):
        try:
            report = read_json(file)
        except (OSError, ValueError):
            continue  # A file of somebody else, which only has such a name.
        is_evaluation = isinstance(report, dict) and opened.sha256 is not None
        if is_evaluation and report.get("model_sha256") == opened.sha256:
            protocol = f"{report.get('protocol')}, {report.get('clips')} x {report.get('crops')}"
            yield {
                "protocol": protocol + (" views, before hardening" if hardened else " views"),
                "data": f"{report.get('source')}, {report.get('split')}",
                "videos": report.get("n"),
                "top1": report.get("top1"),
                "top5": report.get("top5"),
            }
