import pytest

from benchmarks.speed_report import markdown_table, replace_section


def test_a_table_of_any_width_is_whole():
    name = "a name that is longer than the terminal of a test " * 2
    table = markdown_table(("what", "ms"), [(name.strip(), 12.5), ("b", "-")])
    header, rule, first, second = table.splitlines()
    assert [cell.strip() for cell in first.strip("|").split("|")] == [name.strip(), "12.5"]
    assert header.count("|") == rule.count("|") == second.count("|") == 3


def test_only_the_named_section_is_replaced(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(
        "Text.\n\n<!-- begin a -->\nold\n<!-- end a -->\n\n<!-- begin b -->\n<!-- end b -->\n"
    )
    for text in ("first", r"second \1"):
        replace_section(path, "a", text)
    assert path.read_text() == (
        "Text.\n\n<!-- begin a -->\n\nsecond \\1\n\n<!-- end a -->\n\n"
        "<!-- begin b -->\n<!-- end b -->\n"
    )


def test_a_file_without_the_section_is_refused(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("Text.\n")
    with pytest.raises(ValueError, match="must hold the lines <!-- begin a -->"):
        replace_section(path, "a", "new")
    assert path.read_text() == "Text.\n"
