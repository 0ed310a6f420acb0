"""How the speed benchmarks report: tables in Markdown, on the terminal, in docs/ and as CSV."""

import csv
import datetime
import importlib.metadata
import os
import pathlib
import platform
import re

import rich.box
import rich.console
import rich.table

WIDTH = 400  # Columns of the table's source, beyond which cells would be cut.
PACKAGES = ("tensorflow", "keras", "torch", "onnxruntime", "openvino")


def markdown_table(header, rows, left=(0,)):
    """Returns a Markdown table; the columns whose numbers are not in `left` are aligned right."""
    table = rich.table.Table(box=rich.box.MARKDOWN)
    for i, name in enumerate(header):
        table.add_column(name, justify="left" if i in left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    console = rich.console.Console(width=WIDTH, color_system=None, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.strip() for line in capture.get().splitlines() if line.strip())


def machine(threads):
    """Returns a line on the processor, the threads, the day and the versions."""
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return (
        f"{_processor()}, {os.cpu_count()} cores, {threads} threads, "
        f"{datetime.date.today().isoformat()}; Python {platform.python_version()}, "
        f"{', '.join(versions)}."
    )


def write_csv(path, header, rows):
    """Writes rows to a file whose folder may be new."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def replace_section(path, name, text):
    """Replaces what a Markdown file has between `<!-- begin name -->` and `<!-- end name -->`.

    Raises:
        ValueError: If the file has no such section.
    """
    path = pathlib.Path(path)
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    old = path.read_text(encoding="utf-8")
    if not pattern.search(old):
        raise ValueError(f"The file must hold the lines {begin} and {end}. Received: {path}")
    new = pattern.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", old)
    path.write_text(new, encoding="utf-8")


def _processor():
    try:
        info = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    return found[1] if found else platform.machine()
