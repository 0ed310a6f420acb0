"""Ops that may fail, with a result for that case, in the graph of a pipeline."""

from collections.abc import Callable

import tensorflow as tf


def attempt(function: Callable, *arguments, otherwise) -> tuple:
    """Calls a function, and gives another result where one of its ops fails.

    TensorFlow's graphs have nothing like `try`, but a dataset can leave out an element whose
    function fails. It costs some tenths of a millisecond, and more to start for a larger function.

    Args:
        function: Of tensors, gives a structure of tensors.
        *arguments: Its arguments.
        otherwise: What to give when it fails, of the same structure and types.

    Returns:
        The result, and a bool scalar that says whether it is the function's.
    """
    single = tf.data.Dataset.from_tensors(arguments)
    done = single.map(lambda *arguments: (function(*arguments), True)).ignore_errors()
    failed = tf.data.Dataset.from_tensors((otherwise, False))
    return done.concatenate(failed).take(1).get_single_element()
