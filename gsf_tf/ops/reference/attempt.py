"""Ops that may fail, with a fallback result, in the graph of a pipeline."""

from collections.abc import Callable

import tensorflow as tf


def attempt(function: Callable, *arguments, otherwise) -> tuple:
    """Calls a function, and returns a fallback if one of its ops fails.

    TensorFlow's graphs have nothing like `try`, but a dataset can leave out an element whose
    function fails. A call costs some tenths of a millisecond; building the graph takes longer the
    larger the function is.

    Args:
        function: Function from tensors to a structure of tensors.
        *arguments: Tensors that the function is called with.
        otherwise: The fallback, of the same structure and dtypes as the function's result.

    Returns:
        A pair: the result, and a bool scalar, whether it is the function's and not the fallback.
    """
    single = tf.data.Dataset.from_tensors(arguments)
    done = single.map(lambda *arguments: (function(*arguments), True)).ignore_errors()
    failed = tf.data.Dataset.from_tensors((otherwise, False))
    return done.concatenate(failed).take(1).get_single_element()
