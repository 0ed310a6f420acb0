"""Opens paths in object stores (`s3://`, `az://`, `hdfs://`) with tensorflow-io."""

import functools

import tensorflow as tf

from gsf_tf.errors import DataError
from gsf_tf.files.literal_paths import check_path

_in_use = False


def connect(path: str) -> None:
    """Registers the file system of a path, so that `tf.io.gfile` and readers of records open it.

    Local paths and `gs://`, which TensorFlow itself supports, need no registration.

    Args:
        path: A folder or file, local or of the form `SCHEME://...`.

    Raises:
        DataError: If no installed package can open such a path, or it is not UTF-8 text.
    """
    global _in_use
    check_path("path", path)
    scheme, separator, _ = str(path).partition("://")
    if not separator:
        return
    if not _is_known(scheme):
        try:
            import tensorflow_io  # noqa: F401 - registers its file systems
        except (ImportError, NotImplementedError, tf.errors.OpError):
            pass  # The next line checks whether the scheme is known now.
        if not _is_known(scheme):
            raise DataError(
                "A path must be local, or in a store that TensorFlow can open. Received: "
                f"path={str(path)!r}; TensorFlow {tf.__version__} does not know `{scheme}://` "
                "here. For s3://, az:// and hdfs:// install tensorflow-io (`pip install "
                "'gsf_tf[cloud]'`), which works up to TensorFlow 2.17; or copy the files to a "
                "local folder."
            )
    _in_use = True


def reports_store_errors(function):
    """Makes a function turn the errors of an object store into `DataError`s.

    Args:
        function: A function that opens paths after `connect`.

    Returns:
        A function that does the same. Errors at local paths stay as they are.
    """

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except tf.errors.OpError as error:
            if not _in_use:
                raise
            raise DataError(
                "An object store must let its paths be read and written. Received: "
                f"{type(error).__name__}: {error.message}. Check the bucket's name, the "
                "credentials, and the address (for s3://, S3_ENDPOINT and AWS_REGION)."
            ) from error

    return wrapper


def in_use() -> bool:
    """Returns whether this process has opened a path in an object store."""
    return _in_use


def _is_known(scheme):
    return scheme in tf.io.gfile.get_registered_schemes()
