"""Paths in object stores (`s3://`, `az://`, `hdfs://`): tensorflow-io opens them."""

import tensorflow as tf

from gsf_tf.data.data_error import DataError

_in_use = False


def connect(path: str) -> None:
    """Makes `tf.io.gfile` and the readers of records understand a path.

    Local paths, and `gs://`, which TensorFlow brings along, need nothing.

    Args:
        path: A folder or file, local or of the form `SCHEME://...`.

    Raises:
        DataError: When nothing installed here can open such a path.
    """
    global _in_use
    scheme, separator, _ = str(path).partition("://")
    if not separator:
        return
    if not _is_known(scheme):
        try:
            import tensorflow_io  # noqa: F401 - registers its file systems
        except (ImportError, NotImplementedError, tf.errors.OpError):
            pass  # What matters is whether the scheme is known now.
        if not _is_known(scheme):
            raise DataError(
                "A path must be local, or in a store that TensorFlow can open. Received "
                f"`{path}`: TensorFlow {tf.__version__} does not know `{scheme}://` here. For "
                "s3://, az:// and hdfs:// install tensorflow-io (`pip install 'gsf_tf[cloud]'`), "
                "which works up to TensorFlow 2.17; or copy the files to a local folder."
            )
    _in_use = True


def in_use() -> bool:
    """Says whether this process has opened a path in an object store."""
    return _in_use


def _is_known(scheme):
    return scheme in tf.io.gfile.get_registered_schemes()
