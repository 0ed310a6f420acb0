"""Every Python block of README.md and docs/ runs, in the order of its page and in one namespace.

The folder it runs in has what the pages speak of: videos, records and a new clip. Networks,
batches and clips are smaller than the pages' and training ends after one epoch; nothing else is
changed.
"""

import pathlib
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest

import gsf_tf
from gsf_tf.data.demo_clips import render_clip, write_video
from tests import exhaustive

REPOSITORY = pathlib.Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = [
    path
    for path in (REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/**/*.md")))
    if BLOCK.search(path.read_text(encoding="utf-8"))
]
CLASSES = ("moving_left", "moving_right", "rotating_clockwise", "rotating_counterclockwise")
# Their blocks are README.md's with other numbers.
REPEATED = ("index.md", "own_videos.md")
SMALLER = (
    (r"batch_size=\d+", "batch_size=4"),
    (r"epochs=\d+", "epochs=1"),
    (r'"(\w+)_resnet50"', r'"\1_resnet14thin"'),
    (r"\.ResNet50\(", ".ResNet18("),
    (r"\.EfficientNetB0\(", ".MobileNetV3Small("),
    (r'"rubiksnet_(tiny|small|medium|large)', r'"rubiksnet_mini'),
)

# These pages have frames of 224 pixels.
SHORT = ("analyze.md", "rubiksnet.md", "training.md")
SHORTER = (
    (r"num_segments=8", "num_segments=2"),
    (r"num_classes=len\(train\.class_names\)\)", "len(train.class_names), num_segments=2)"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with four clips per class in `videos/`, one of which is held back in `records/`."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (folder / "videos" / name).mkdir(parents=True)
        for number in range(4):
            write_video(folder / "videos" / name / f"{number}.mp4", render_clip(name, rng))
    listing = gsf_tf.data.list_video_folder(folder / "videos")
    settings = gsf_tf.data.RecordSettings(short_side=48)
    split = gsf_tf.data.split_for_validation(listing, 0.25)
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


@pytest.mark.parametrize(
    "page",
    exhaustive.cases(PAGES, lambda page: page.name not in REPEATED),
    ids=lambda path: path.name,
)
def test_the_blocks_of_a_page_run(page, workplace):
    run_blocks(page)
    if page.name in ("README.md", "own_videos.md"):
        # A saved model loads where gsf_tf is imported, and needs no more: so in a new process.
        load = "import gsf_tf, keras; keras.models.load_model('model.keras')"
        subprocess.run([sys.executable, "-c", load], check=True)


def run_blocks(page):
    smaller_form = SMALLER + SHORTER if page.name in SHORT else SMALLER
    text = page.read_text(encoding="utf-8")
    namespace = {"__name__": "__main__"}
    for match in BLOCK.finditer(text):
        source = match[1]
        for pattern, smaller in smaller_form:
            source = re.sub(pattern, smaller, source)
        # As many lines before the block as in the page, so that a traceback names the page's line.
        lines = text.count("\n", 0, match.start(1))
        exec(compile("\n" * lines + source, str(page), "exec"), namespace)


def test_every_block_is_found():
    names = {path.name for path in PAGES}
    assert {"README.md", "index.md", "training.md", "rubiksnet.md", "export.md"} <= names
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        # One inside of a list, indented, would not be run.
        assert text.count("```python") == len(BLOCK.findall(text)), path
