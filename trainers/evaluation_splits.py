"""Evaluates the runs of a dataset's official splits, and takes the mean of their figures."""

import re
import statistics

from gsf_tf.data import OFFICIAL_DATASETS
from gsf_tf.errors import UserError
from gsf_tf.evaluation.published_result import published_result
from gsf_tf.process_description import describe_process

from .evaluation_run import evaluate
from .evaluation_subject import CONFIG_VALUES, evaluation_subject

SOURCE = re.compile(r"(.+) split (\d+)")
# What the runs must share, by their places in the configuration.
SAME = ("model", "data.sampling", "data.frame_stride")


def evaluate_splits(workdirs, results, protocol, console, **options):
    """Evaluates one run per split and writes `eval_<protocol>_splits.json`.

    Each run's own files go to its workdir, as those of `evaluate` do.

    Args:
        workdirs: Paths of the runs, each of which was trained on records of another split.
        results: `Workdir` for the mean.
        protocol: `Protocol`.
        console: Console for the progress bars.
        **options: As in `evaluate`.

    Returns:
        The name of the evaluation and its report, a dictionary: `top1` and the other metrics are
        the means over the splits, and `splits` has those of each.

    Raises:
        UserError: If the runs are not of different splits of one dataset, or differ in the model.
    """
    subjects = [evaluation_subject(path, None, None, None, None, None) for path in workdirs]
    dataset = check_splits(workdirs, [subject.info.source for subject in subjects])
    configs = [subject.run.read_config(*CONFIG_VALUES) for subject in subjects]
    check_same_model(workdirs, configs)
    rows = []
    for path, subject in zip(workdirs, subjects, strict=True):
        console.print(f"{subject.info.source}: {path}")
        name, report = evaluate(subject, protocol, console, **options)
        rows.append(
            {
                "workdir": str(path),
                "source": report["source"],
                "n": report["n"],
                **metrics_of(report),
            }
        )
    own_size = options.get("image_size") is None and options.get("num_segments") is None
    report = mean_report(rows, dataset, protocol, configs[0] if own_size else {})
    results.path.mkdir(parents=True, exist_ok=True)
    results.write_json(f"eval_{name}_splits", report)
    return f"{name}_splits", report


def mean_report(rows, dataset, protocol, config):
    """Returns the report of several splits.

    Args:
        rows: Dictionaries with the figures of each split.
        dataset: Name of the official dataset.
        protocol: `Protocol`.
        config: Configuration of the runs, with the papers' figures.
    """
    means = {key: statistics.mean(row[key] for row in rows) for key in metrics_of(rows[0])}
    return {
        "protocol": protocol.name,
        "clips": protocol.clips,
        "crops": protocol.crops,
        "dataset": dataset,
        "official_splits": len(OFFICIAL_DATASETS[dataset].variants),
        "splits": rows,
        **describe_process(),
        "paper": published_result(config, protocol, means),
        "n": sum(row["n"] for row in rows),
        **means,
    }


def metrics_of(report):
    """Returns the figures of a report that a mean can be taken of."""
    return {
        key: value
        for key, value in report.items()
        if key.endswith(("top1", "top5", "mean_class_accuracy"))
    }


def check_splits(workdirs, sources):
    """Returns the name of the dataset whose splits the runs were trained on.

    Args:
        workdirs: Paths of the runs.
        sources: `DatasetInfo.source` of the records of each.

    Raises:
        UserError: If they are not different splits of one official dataset.
    """
    matches = [SOURCE.fullmatch(source) for source in sources]
    titles = {match and match[1] for match in matches}
    numbers = {match and match[2] for match in matches}
    datasets = {
        SOURCE.fullmatch(dataset.source(dataset.variants[0]))[1]: name
        for name, dataset in OFFICIAL_DATASETS.items()
        if dataset.variants and SOURCE.fullmatch(dataset.source(dataset.variants[0]))
    }
    if len(titles) != 1 or len(numbers) != len(workdirs) or not titles <= datasets.keys():
        found = ", ".join(
            f"{path} of {source!r}" for path, source in zip(workdirs, sources, strict=True)
        )
        raise UserError(
            "`splits` must name runs on different splits of one dataset: records of "
            f"{' or '.join(datasets)} that `gsf-tf prepare --split=N` wrote. Received: {found}. "
            "Give a run for each split once."
        )
    return datasets[titles.pop()]


def check_same_model(workdirs, configs):
    """Raises UserError if runs do not have the same model and sampling of frames."""
    for key in SAME:
        values = [value_at(config, key) for config in configs]
        for path, value in zip(workdirs, values, strict=True):
            if value != values[0]:
                raise UserError(
                    "The runs of `splits` must have the same model and sampling. Received: "
                    f"{key}={values[0]!r} in {workdirs[0]}, {value!r} in {path}. Train them with "
                    "the same configuration but for `data.records`."
                )


def value_at(config, key):
    for part in key.split("."):
        config = config[part]
    return config
