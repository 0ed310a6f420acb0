"""Every Python block of README.md and docs/ runs, in the order of its page and in one namespace.

The folder it runs in has what the pages speak of: videos, records and a new clip. Networks and
batches are smaller than the pages' and training ends after one epoch; nothing else is changed.
"""

import pathlib
import re

import matplotlib
import numpy as np
import pytest

import gsf_tf
from gsf_tf.data.demo_clips import CLASS_NAMES, render_clip, write_video

REPOSITORY = pathlib.Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = [
    path
    for path in (REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/**/*.md")))
    if BLOCK.search(path.read_text(encoding="utf-8"))
]
CLASSES = CLASS_NAMES[:4]
SMALLER = (
    (r"batch_size=\d+", "batch_size=4"),
    (r"epochs=\d+", "epochs=1"),
    (r'"(\w+)_resnet50"', r'"\1_resnet14thin"'),
    (r'"rubiksnet_(tiny|small|medium|large)', r'"rubiksnet_mini'),
)
# What a page takes for granted that none of its blocks makes.
BEFORE = {
    "data.md": """
import gsf_tf
dataset = gsf_tf.data.video_dataset_from_records(
    "records/train-*", num_segments=2, batch_size=4, image_size=(32, 32), training=True
)
model = gsf_tf.models.from_preset(
    "tsm_resnet14thin", len(dataset.class_names), num_segments=2, input_shape=(32, 32, 3)
)
model.compile("sgd", "sparse_categorical_crossentropy")
""",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with three clips per class in `videos/`, and one of them held back in `records/`."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (folder / "videos" / name).mkdir(parents=True)
        for number in range(3):
            write_video(folder / "videos" / name / f"{number}.mp4", render_clip(name, rng))
    listing = gsf_tf.data.list_video_folder(folder / "videos")
    settings = gsf_tf.data.RecordSettings(short_side=48)
    split = gsf_tf.data.split_for_validation(listing, 0.34)
    gsf_tf.data.write_records(split, str(folder / "records"), settings)
    write_video(folder / "new_clip.mp4", render_clip(CLASSES[0], rng))
    return folder


@pytest.fixture
def workplace(data, tmp_path, monkeypatch):
    """Makes a folder with links to the data the working folder."""
    for path in data.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_blocks_of_a_page_run(page, workplace):
    text = page.read_text(encoding="utf-8")
    namespace = {"__name__": "__main__"}
    exec(BEFORE.get(page.name, ""), namespace)
    for match in BLOCK.finditer(text):
        source = match[1]
        for pattern, smaller in SMALLER:
            source = re.sub(pattern, smaller, source)
        # As many lines before the block as in the page, so that a traceback names the page's line.
        lines = text.count("\n", 0, match.start(1))
        exec(compile("\n" * lines + source, str(page), "exec"), namespace)


def test_pages_with_blocks_are_found():
    names = {path.name for path in PAGES}
    assert {"README.md", "index.md", "training.md", "rubiksnet.md", "export.md"} <= names
    marks = sum(path.read_text().count("```python") for path in PAGES)
    indented = sum(len(re.findall(r"^ +```python", path.read_text(), re.M)) for path in PAGES)
    assert marks - indented == sum(len(BLOCK.findall(path.read_text())) for path in PAGES)
    assert not indented, "A Python block inside of a list is not run"
