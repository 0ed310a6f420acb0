"""What `gsf-tf evaluate` prints of an evaluation."""

from rich.table import Table


def print_report(console, report):
    """Prints the figures, beside the paper's, and which videos are not among them."""
    paper = report.get("paper")
    compared = paper is not None and paper["difference"] is not None
    title = f"{report['n']} videos"
    if "splits" in report:
        title = f"Mean of {len(report['splits'])} splits, {title}"
    if "protocol" in report:
        title += f", {report['clips']} clip(s) x {report['crops']} crop(s)"
    table = Table("", title=title)
    for column in ("here", *(("paper", "difference") if compared else ())):
        table.add_column(column, justify="right")
    for key, value in report.items():
        if key.endswith(("top1", "top5", "mean_class_accuracy")):
            row = [figure_name(key), f"{value:.2%}"]
            if compared and key in paper:
                row += [f"{paper[key]:.2%}", f"{100 * (value - paper[key]):+.2f} points"]
            table.add_row(*row)
    console.print(table)
    if compared:
        console.print(f"The paper's figure: {paper['source']}{note_of(paper)}")
        for other in paper.get("also", ()):
            console.print(f"{other['source']}: top-1 {other['top1']:.2%}{note_of(other)}")
    elif paper is not None:
        console.print(
            f"{paper['source']}: top-1 {paper['top1']:.2%}, by the protocol {paper['protocol']}"
            f"{note_of(paper)}"
        )
    for split in report.get("splits", ()):
        console.print(f"{split['source']}: top-1 {split['top1']:.2%} of {split['n']} videos")
    if len(report.get("splits", ())) < report.get("official_splits", 0):
        console.print(f"The dataset has {report['official_splits']} official splits")
    videos = report.get("videos")
    if videos:
        absent = {
            "whose files were missing": len(videos["missing"]),
            "that could not be decoded": len(videos["quarantined"]),
            "in damaged records": videos["damaged_clips"],
        }
        for why, count in absent.items():
            if count:
                console.print(f"Not among them: {count} videos {why} (named in the JSON file)")


def note_of(result):
    """Returns what a paper's result differs in, after a semicolon; "" if nothing is known."""
    return f"; {result['note']}" if result.get("note") else ""


def figure_name(key):
    """Returns a figure's name for people: `verb_top1` as "verb top-1"."""
    return key.replace("_", " ").replace("top1", "top-1").replace("top5", "top-5")
