"""Bounds the depth and the size of nested values, which a file can announce in a few bytes."""

MAX_DEPTH = 64
# Values inside of values, each counted at every place where it is.
MAX_VALUES = 2**22


def check_nesting(value):
    """Checks that all of a value can be visited in a short time and without deep recursion.

    A list of ten lists, each of the same ten lists and so on, takes a few bytes per level in a
    file, but what visits it never ends. Values are measured once each, without recursion.

    Args:
        value: Any value; dictionaries, lists and tuples are looked into.

    Raises:
        ValueError: If the value contains itself, has more than 64 levels or more than 2^22 values.
    """
    measured, path, pending = {}, set(), [value]
    while pending:
        current = pending[-1]
        if id(current) in measured:
            pending.pop()
        elif id(current) not in path:
            path.add(id(current))
            inner = [child for child in _children(current) if id(child) not in measured]
            if any(id(child) in path for child in inner):
                raise ValueError(f"a {type(current).__name__} is inside of itself")
            pending += inner
        else:
            sizes = [measured[id(child)] for child in _children(current)]
            depth = 1 + max((depth for depth, _ in sizes), default=0)
            values = _count(current) + sum(values for _, values in sizes)
            if depth > MAX_DEPTH or values > MAX_VALUES:
                raise ValueError(f"it has over {MAX_DEPTH} levels or {MAX_VALUES} values")
            measured[id(current)] = depth, values
            path.discard(id(current))
            pending.pop()


def _count(value):
    return len(value) if isinstance(value, dict | list | tuple) else 1


def _children(value):
    """Returns the lists, tuples and dictionaries in a value."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return []
    return [child for child in value if isinstance(child, dict | list | tuple)]
