import os
import pathlib
import shutil

import keras
import numpy as np

from gsf_tf.data import LabelMap
from gsf_tf.export.clip_recipe import ClipRecipe
from gsf_tf.export.export_folder import new_export, write_client_files, write_json
from gsf_tf.export.litert import (
    LITERT_KINDS,
    check_kind_clips,
    check_kinds,
    measured_lines,
    write_kinds,
)
from gsf_tf.export.model_card import ModelCard, write_model_card
from gsf_tf.export.page_libraries import PAGE_LIBRARIES
from gsf_tf.models.float32_copy import float32_copy
from gsf_tf.required_package import require_package

_PAGE = pathlib.Path(__file__).with_name("page")
_SERVE = [
    "",
    "A static page: serve this folder as it is, for instance with `python -m http.server`, and "
    "open `http://localhost:8000`. Away from localhost it needs HTTPS. With the headers "
    "`Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`, "
    "the model runs in several threads.",
]


def export_web_page(
    model: keras.Model,
    labels: LabelMap,
    directory: str | os.PathLike,
    *,
    kind: str = "float32",
    calibration: np.ndarray | None = None,
    short_side: int = 256,
    sampling: str = "segments",
    frame_stride: int | None = None,
    card: ModelCard | None = None,
) -> dict[str, dict]:
    """Writes a static web page that names the action in a video, in the browser of its reader.

    The page takes a video file or the webcam, and shows the frames that the model sees and the five
    most probable classes. The model is that of `export_litert`; LiteRT.js runs it. Frames are
    chosen, scaled and cropped as in `gsf_tf.Predictor`. Nothing is loaded from elsewhere, and no
    video leaves the browser. Any server of files serves the folder.

    The folder has `index.html`, the page's own files in `page/`, LiteRT.js and Mediabunny in
    `libraries/`, `<kind>.tflite`, and what `export_litert` writes beside it. The libraries are
    downloaded from the npm registry for the first export, or from the registry that the environment
    variable `NPM_CONFIG_REGISTRY` names, compared with their SHA-512, and kept in the folder
    `gsf_tf` of Keras' cache.

    Args:
        model: `SegmentModel`, or any model from such clips to logits.
        labels: `LabelMap` with a name per output.
        directory: Folder that is written; it must not exist.
        kind: Kind of the LiteRT model, as in `export_litert`.
        calibration: As in `export_litert`.
        short_side: As in `export_saved_model`.
        sampling: As in `export_saved_model`.
        frame_stride: As in `export_saved_model`.
        card: As in `export_saved_model`. Its title is that of the page.

    Returns:
        A dictionary from `kind` to what was measured, as `export_litert` returns it.

    Raises:
        ExportError: If the model cannot be converted to builtin operations, or has other outputs.
            Nothing is left on the disk.
        UserError: If an argument breaks these rules, the number of labels is wrong, `directory`
            cannot be written, ai-edge-litert is not installed, or a library can be neither found
            nor downloaded. The message says where to put one that was downloaded by hand.

    Example:

    ```python
    gsf_tf.export.export_web_page(model, labels, "page", kind="float16")
    ```
    """
    calibration = None if calibration is None else np.asarray(calibration)
    check_kinds([kind], LITERT_KINDS)
    check_kind_clips([kind], calibration, model)
    require_package("ai_edge_litert", "litert", "LiteRT models")
    recipe = ClipRecipe(short_side, sampling, frame_stride)
    card = card or ModelCard()
    with new_export(directory, model, labels) as (written, scratch):
        # A missing library is found before the work, not after it.
        for package in PAGE_LIBRARIES:
            package.file.path()
        written.mkdir()
        model = float32_copy(model)
        write_client_files(written, model, labels, recipe)
        report = write_kinds(written, model, [kind], calibration, scratch)
        _copy_page(written)
        content = {
            "title": card.title or model.name,
            "labels": list(labels),
            "preprocessing": recipe.describe(model),
            "model": f"{kind}.tflite",
            "bytes": report[kind]["bytes"],
        }
        write_json(written / "page.json", content)
        versions = {package.name: package.version for package in PAGE_LIBRARIES}
        write_json(
            written / "export.json", {"format": "web", "kinds": report, "libraries": versions}
        )
        lines = measured_lines(report) + _SERVE
        write_model_card(written, card, model, labels, recipe.describe(model), lines)
    return report


def _copy_page(folder):
    """Copies the page, and the libraries with their licenses."""
    shutil.copytree(_PAGE, folder / "page")
    libraries = folder / "libraries"
    for package in PAGE_LIBRARIES:
        package.unpack(libraries)
    (folder / "page" / "index.html").rename(folder / "index.html")
    (folder / "page" / "apache_license.txt").rename(libraries / "litertjs" / "LICENSE")
