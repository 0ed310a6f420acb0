"""The progress bar of the programs."""

import io

from rich.console import Console

from trainers import cli


def test_counts_are_asked_for_when_it_is_drawn_and_at_its_end():
    done = 0

    def show(progress):
        for task in progress.task_ids:
            progress.update(task, completed=done)

    console = Console(file=io.StringIO())
    with cli.progress(console, before_refresh=show) as progress:
        progress.add_task("Writing", total=10, info="")
        done = 7
    assert "7/10" in console.file.getvalue()
