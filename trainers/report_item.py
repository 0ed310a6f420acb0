"""A picture, an animation or a table of a report."""

import dataclasses


@dataclasses.dataclass
class Item:
    """A picture, animation or table of a section.

    Attributes:
        title: Title.
        text: Sentences below it.
        picture: Name of the PNG or mp4 file, None for a table alone.
        files: Names of all its files.
        table: Rows to show, the first with the titles; None to show none.
    """

    title: str
    text: str = ""
    picture: str | None = None
    files: list[str] = dataclasses.field(default_factory=list)
    table: list[list[str]] | None = None
