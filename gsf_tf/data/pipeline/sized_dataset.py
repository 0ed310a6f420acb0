"""A dataset that states its length, where `tf.data` cannot know it."""

import tensorflow as tf


class SizedDataset(tf.data.Dataset):
    """The same elements as another dataset, with a stated number of them.

    `tf.data` does not know the length of a dataset that leaves elements out, so `len()` fails.
    `tf.data.experimental.assert_cardinality` would stop the last iteration if an element was left
    out indeed.

    Args:
        dataset: The dataset.
        size: The number of its elements if none is left out.
    """

    def __init__(self, dataset: tf.data.Dataset, size: int):
        self._dataset, self._size = dataset, size
        super().__init__(dataset._variant_tensor)

    def _inputs(self):
        return [self._dataset]

    @property
    def element_spec(self):
        """The specification of an element."""
        return self._dataset.element_spec

    def cardinality(self) -> tf.Tensor:
        """Returns the stated number of elements, an int64 scalar."""
        return tf.constant(self._size, tf.int64)
