"""A part of a report, as its page shows it."""

import dataclasses

from .report_item import Item


@dataclasses.dataclass
class Section:
    """A part of the report.

    Attributes:
        name: Name of the part, as in the flag `--parts`.
        title: Title.
        text: How to read its pictures.
        items: The `Item`s.
        notes: Sentences, such as why a part does not apply.
    """

    name: str
    title: str
    text: str
    items: list[Item] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
