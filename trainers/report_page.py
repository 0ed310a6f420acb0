"""The page of a report: one HTML file with everything in it."""

import html

STYLE = """
:root { color-scheme: light dark; --line: #8886; --card: #fff; --quiet: #5a5f69; }
@media (prefers-color-scheme: dark) { :root { --quiet: #a9afbb; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1, h2, h3 { line-height: 1.2; overflow-wrap: anywhere; }
h2 { border-top: 1px solid var(--line); padding-top: 1rem; margin-top: 2.5rem; }
nav a { margin-right: 1rem; }
figure { margin: 1rem 0; }
img, video { max-width: 100%; background: var(--card); border-radius: 6px; }
video { min-width: min(100%, 16rem); image-rendering: pixelated; }
figcaption, .note { color: var(--quiet); }
.scroll { overflow-x: auto; max-height: 30rem; }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { border-bottom: 1px solid var(--line); padding: 0.2rem 0.7rem; text-align: left; }
thead th { position: sticky; top: 0; background: Canvas; }
.files a { margin-right: 0.8rem; }
"""


# Bytes of the largest CSV file that the page holds itself.
LARGEST_CSV = 1_000_000


def write_page(report, title, facts):
    """Writes `index.html` into the folder of a report.

    The page holds each picture, each video and, once, each CSV file of less than 1 MB. The other
    links are to the files in the folder.

    Args:
        report: `ReportFolder`.
        title: Title of the page.
        facts: Rows of the table at the top, the first with the titles of its columns.

    Returns:
        Path of the page.
    """
    links = " ".join(
        f'<a href="#{section.name}">{_escape(section.title)}</a>' for section in report.sections
    )
    embedded = set()
    text = "\n".join([
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
        f"<h1>{_escape(title)}</h1>",
        _table(facts),
        f'<nav aria-label="Parts">{links}</nav>',
        *(_section(report, section, embedded) for section in report.sections),
        "</body>\n</html>\n",
    ])  # fmt: skip
    path = report.path / "index.html"
    path.write_text(text, encoding="utf-8")
    return path


def _section(report, section, embedded):
    parts = [
        f'<section id="{section.name}">\n<h2>{_escape(section.title)}</h2>',
        f"<p>{_escape(section.text)}</p>",
        *(f'<p class="note">{_escape(note)}</p>' for note in section.notes),
        *(_item(report, item, embedded) for item in section.items),
        "</section>",
    ]
    return "\n".join(parts)


def _item(report, item, embedded):
    shown = ""
    if item.picture is not None:
        source = report.data_url(item.picture)
        if item.picture.endswith(".mp4"):
            label = _escape(item.title)
            shown = f'<video src="{source}" controls loop muted aria-label="{label}"></video>'
        else:
            shown = f'<img src="{source}" alt="{_escape(item.title)}">'
    table = "" if item.table is None else _table(item.table)
    return (
        f"<figure>\n<h3>{_escape(item.title)}</h3>\n{shown}{table}\n"
        f"<figcaption>{_escape(item.text)} {_links(report, item, embedded)}</figcaption>\n</figure>"
    )


def _links(report, item, embedded):
    """Returns a link to each file; the first one to a small CSV file holds that file."""
    links = []
    for name in item.files:
        ending = name.rpartition(".")[2].upper()
        target = _escape(name)
        small = ending == "CSV" and (report.path / name).stat().st_size < LARGEST_CSV
        if small and name not in embedded:
            embedded.add(name)
            target = report.data_url(name)
        links.append(f'<a href="{target}" download="{_escape(name)}">{ending}</a>')
    return f'<span class="files">{" ".join(links)}</span>'


def _table(rows):
    head, *body = rows
    titles = "".join(f'<th scope="col">{_escape(value)}</th>' for value in head)
    lines = "\n".join(
        "<tr>" + "".join(f"<td>{_escape(value)}</td>" for value in row) + "</tr>" for row in body
    )
    return (
        f'<div class="scroll" tabindex="0"><table>\n<thead><tr>{titles}</tr></thead>\n'
        f"<tbody>\n{lines}\n</tbody>\n</table></div>"
    )


def _escape(value):
    return html.escape(str(value))
