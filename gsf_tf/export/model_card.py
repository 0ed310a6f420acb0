import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

import gsf_tf
from gsf_tf.data import LabelMap

CARD_FILE = "README.md"
_NOT_GIVEN = "not given"


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What people should know about an exported model beside what its graph says.

    The exporters write it to the `README.md` of the export, with the classes, the recipe of the
    input, the sizes of the files and the differences that they have measured. What is not known is
    called "not given" there.

    Args:
        title: Name of the model.
        network: Which network it is, such as the name of a preset.
        trained_on: The data that it was trained on, a text of one paragraph.
        data_license: The license of these data, as their owner gives it.
        evaluations: What was measured, a mapping per evaluation with the keys `protocol`, `data`,
            `videos`, `top1` and `top5` (shares in 0..1).

    Example:

    ```python
    card = gsf_tf.export.ModelCard("Hands", data_license="CC BY 4.0")
    gsf_tf.export.export_saved_model(model, labels, "exported", card=card)
    ```

    Reference:
        Mitchell et al., "Model Cards for Model Reporting", 2019, section 4.
    """

    title: str | None = None
    network: str | None = None
    trained_on: str | None = None
    data_license: str | None = None
    evaluations: Sequence[Mapping[str, Any]] = ()


def write_model_card(
    folder: pathlib.Path,
    card: ModelCard | None,
    model: keras.Model,
    labels: LabelMap,
    recipe: Mapping[str, Any],
    measured: Sequence[str],
    recipe_file: str = "preprocessing.json",
) -> None:
    """Writes the `README.md` of an export, as its last file, because it has the others' sizes.

    Args:
        folder: The export.
        card: What else is known of the model, or None.
        model: The model that was exported.
        labels: Its class names.
        recipe: How a clip is made from a video, as `ClipRecipe.describe` returns it; or a frame of
            a stream, as `describe_stream` does.
        measured: Lines of Markdown: the format, and what the comparison with the model has shown.
        recipe_file: Name of the file that holds `recipe`.
    """
    card = card or ModelCard()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    height, width = recipe["image_size"]
    frames = f"{recipe['num_segments']} frames" if "num_segments" in recipe else "a frame per step"
    facts = {
        "network": card.network or model.name,
        "parameters": f"{model.count_params():,}",
        "input": f"{frames} of {height} x {width} pixels, uint8 RGB",
        "classes": len(labels),
        "trained on": card.trained_on,
        "license of the data": card.data_license,
    }
    sections = {
        f"# {_line(card.title or model.name)}": [
            f"Names the action in a video. Exported by gsf_tf {gsf_tf.__version__}.",
            "",
            *_table(["", ""], facts.items()),
        ],
        "## Accuracy": _accuracies(card.evaluations),
        "## Input": [f"{number}. {step}" for number, step in enumerate(recipe["steps"], start=1)]
        + ["", f"crop_share is {recipe['crop_share']}. `{recipe_file}` has the numbers."],
        "## Format, and differences from the model": list(measured),
        "## Files": _table(
            ["file", "bytes"],
            ((path.relative_to(folder).as_posix(), f"{path.stat().st_size:,}") for path in files),
        ),
        # A line that begins with a number ends no block, whatever the name of the class is.
        "## Classes": ["```text", *(f"{i} {name}" for i, name in enumerate(labels)), "```"],
    }
    text = "\n\n".join(f"{title}\n\n" + "\n".join(lines) for title, lines in sections.items())
    (folder / CARD_FILE).write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")


def _accuracies(evaluations):
    if not evaluations:
        return ["No evaluation of this model is known."]
    columns = ("protocol", "data", "videos", "top1", "top5")
    rows = [[_percent(found.get(name)) for name in columns] for found in evaluations]
    return _table(["protocol", "data", "videos", "top-1", "top-5"], rows)


def _percent(value):
    return f"{value:.2%}" if isinstance(value, float) else value


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(map(_cell, line))} |" for line in lines]


def _cell(value):
    return _line(_NOT_GIVEN if value is None else value).replace("|", "\\|")


def _line(text):
    return " ".join(str(text).split())
