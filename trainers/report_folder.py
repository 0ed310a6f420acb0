"""The folder of a report: pictures, tables and animations, and what its page says of them."""

import base64
import csv
import hashlib
import io
import pathlib
import re

import matplotlib

from gsf_tf.analysis import write_animation

from .figure_fonts import save_figure, use_installed_fonts
from .report_item import Item
from .report_section import Section

DPI = 110
FRAME_RATE = 4
# Inches around the axes of a figure.
PADDING = 0.1
# Bytes; most file systems allow 255, and an ending follows.
LONGEST_STEM = 180


class ReportFolder:
    """Writes the files of a report.

    Args:
        path: The folder; it is made if it does not exist.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.sections = []
        # Characters of names that no installed font has.
        self.boxes = set()

    def section(self, name, title, text):
        """Begins a section and returns it."""
        self.sections.append(Section(name, title, text))
        return self.sections[-1]

    def add_figure(self, stem, figure, rows, title, text=""):
        """Writes a figure as PNG and SVG and the numbers behind it as CSV.

        Args:
            stem: Name of the files without their endings; made safe for file systems.
            figure: matplotlib figure.
            rows: Rows of the table, the first with the names of the columns.
            title: Title for the page.
            text: Sentences for the page.
        """
        stem = file_stem(stem)
        self.boxes.update(use_installed_fonts(figure))
        # Room for texts that are a little wider in one of the formats than in the other.
        figure.get_layout_engine().set(w_pad=PADDING, h_pad=PADDING)
        # Texts as outlines, so that every viewer has their characters; no date, so that the same
        # figure is the same file.
        with matplotlib.rc_context({"svg.hashsalt": stem}):
            save_figure(figure, self.path / f"{stem}.svg", metadata={"Date": None})
        # Laying a figure out takes longer than drawing it, and is the same for both.
        figure.set_layout_engine("none")
        save_figure(figure, self.path / f"{stem}.png", dpi=DPI)
        self._write_csv(stem, rows)
        files = [f"{stem}.{ending}" for ending in ("png", "svg", "csv")]
        self.sections[-1].items.append(Item(title, text, f"{stem}.png", files))

    def add_animation(self, stem, frames, rows, title, text="", frame_rate=FRAME_RATE):
        """Writes frames, uint8 `[T, H, W, 3]`, as mp4 and as GIF, and their numbers as CSV."""
        stem = file_stem(stem)
        files = [f"{stem}.{ending}" for ending in ("mp4", "gif")]
        for name in files:
            write_animation(self.path / name, frames, frame_rate)
        self._write_csv(stem, rows)
        self.sections[-1].items.append(Item(title, text, files[0], [*files, f"{stem}.csv"]))

    def add_table(self, stem, rows, title, text=""):
        """Writes a table as CSV, which the page shows.

        Args:
            stem: Name of the file without its ending.
            rows: Rows, the first with the names of the columns.
            title: Title for the page.
            text: Sentences for the page.
        """
        stem = file_stem(stem)
        self._write_csv(stem, rows)
        shown = [[_text(value) for value in row] for row in rows]
        self.sections[-1].items.append(Item(title, text, None, [f"{stem}.csv"], shown))

    def note(self, text):
        """Adds a sentence to the section."""
        self.sections[-1].notes.append(text)

    def data_url(self, name):
        """Returns a file of the folder as the text of a link that holds it."""
        kinds = {"png": "image/png", "mp4": "video/mp4", "gif": "image/gif", "svg": "image/svg+xml"}
        kind = kinds.get(name.rpartition(".")[2], "text/csv;charset=utf-8")
        return f"data:{kind};base64,{base64.b64encode((self.path / name).read_bytes()).decode()}"

    def _write_csv(self, stem, rows):
        text = io.StringIO()
        csv.writer(text).writerows([[_text(value, 8) for value in row] for row in rows])
        (self.path / f"{stem}.csv").write_text(text.getvalue(), encoding="utf-8", newline="")


def file_stem(name):
    """Returns a name with letters, digits, `.`, `_` and `-` only, short enough for a file."""
    stem = re.sub(r"[^\w.-]+", "_", name).strip("._") or "model"
    if len(stem.encode()) <= LONGEST_STEM:
        return stem
    digest = hashlib.sha256(stem.encode()).hexdigest()[:8]
    return f"{stem.encode()[:LONGEST_STEM].decode('utf-8', 'ignore')}_{digest}"


def _text(value, digits=4):
    if value is None:
        return ""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)
