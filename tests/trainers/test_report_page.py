"""The page of a report: what it escapes, and which files it holds."""

import base64
import html.parser

from matplotlib.figure import Figure

from trainers import report_page
from trainers.report_folder import ReportFolder
from trainers.report_page import write_page

NAME = '<script>alert("&")</script>'


class Page(html.parser.HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]

    def handle_data(self, data):
        self.text += data


def test_names_are_text_and_no_tags(tmp_path):
    report = ReportFolder(tmp_path)
    report.section("errors", NAME, NAME)
    report.note(NAME)
    report.add_figure(NAME, Figure(layout="constrained"), [["class"], [NAME]], NAME, NAME)
    report.add_table(NAME, [[NAME], [NAME]], NAME, NAME)
    page = Page(write_page(report, NAME, [[NAME], [NAME]]))
    assert "script" not in page.tags
    assert ("img", "alt", NAME) in page.attributes
    # Title, heading, facts (2), link, section (3), figure (2), table (4).
    assert page.text.count(NAME) == 14


def links(page, ending):
    wanted = {("a", "download", f"small.{ending}"), ("a", "download", f"large.{ending}")}
    pairs = zip(page.attributes, page.attributes[1:], strict=False)
    return [(name[2], link[2]) for link, name in pairs if name in wanted]


def test_a_small_table_is_held_once_and_a_large_one_is_linked(tmp_path, monkeypatch):
    monkeypatch.setattr(report_page, "LARGEST_CSV", 1000)
    report = ReportFolder(tmp_path)
    report.section("gains", "Gains", "")
    small, large = [["a"], ["1"]], [["a"], *[["1"]] * 1000]
    report.add_figure("small", Figure(layout="constrained"), small, "Small")
    report.add_table("small", small, "Small")
    report.add_figure("large", Figure(layout="constrained"), large, "Large")
    page = Page(write_page(report, "Report", [["a"], ["b"]]))
    (first, held), *others = links(page, "csv")
    assert first == "small.csv"
    assert base64.b64decode(held.partition(",")[2]) == (tmp_path / "small.csv").read_bytes()
    assert others == [("small.csv", "small.csv"), ("large.csv", "large.csv")]
    assert all((tmp_path / name).exists() for _, name in others)
