"""Names that are short enough for a picture."""

LONGEST = 64


def short_name(name: str, longest: int = LONGEST) -> str:
    """Returns a name in one line, or its beginning and its end with an ellipsis between them.

    Names of classes often differ in their last words only.

    Args:
        name: Any text.
        longest: Largest number of characters of the result.
    """
    name = " ".join(str(name).split())
    if len(name) <= longest:
        return name
    half = (longest - 1) // 2
    return f"{name[: longest - 1 - half]}…{name[-half:]}"
