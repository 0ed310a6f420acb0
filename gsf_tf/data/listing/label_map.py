"""The names of the classes, in the order of their indices."""

import hashlib
from collections.abc import Iterable

from gsf_tf.errors import DataError, did_you_mean
from gsf_tf.files.literal_paths import check_path

FILE_NAME = "labels.txt"


class LabelMap:
    """Class names in the order of their indices.

    On disk it is a UTF-8 text file with one name per line; the line number, counted from 0,
    is the index.

    Args:
        names: The names, index 0 first. The caller sorts the names of folders:
            `LabelMap(sorted(folders))`.

    Raises:
        DataError: If there is no name, or a name is empty, repeated, longer than a line, or starts
            or ends with a space.

    Example:

    ```python
    labels = gsf_tf.data.LabelMap(["down", "up"])
    labels.index_of("up"), labels[0], len(labels)  # (1, 'down', 2)
    ```
    """

    def __init__(self, names: Iterable[str]):
        self.names = tuple(names)
        if not self.names:
            raise DataError("A label map must have at least one name. Received: names=()")
        self._indices = {}
        for index, name in enumerate(self.names):
            if not name or name != name.strip() or len(name.splitlines()) > 1:
                raise DataError(
                    "A class name must be one line of text without spaces at its ends. "
                    f"Received: names[{index}]={name!r}. Rename the class."
                )
            if name in self._indices:
                raise DataError(
                    f"Class names must differ. Received: names[{self._indices[name]}]={name!r}, "
                    f"names[{index}]={name!r}. Rename or remove one."
                )
            self._indices[name] = index

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the names in order. Equal label maps have equal fingerprints."""
        return hashlib.sha256("\n".join(self.names).encode("utf-8")).hexdigest()

    def index_of(self, name: str) -> int:
        """Returns the index of `name`.

        Raises:
            DataError: If no class has this name; the message lists similar names.
        """
        if name in self._indices:
            return self._indices[name]
        hint = did_you_mean(name, self.names) or (
            f" The first names are {', '.join(map(repr, self.names[:5]))}."
        )
        raise DataError(
            f"A label must be one of the {len(self)} names of the label map. "
            f"Received: name={name!r}.{hint}"
        )

    def save(self, path: str) -> None:
        """Writes the names to a text file."""
        # Imported here because decoding processes import this file and must not load TensorFlow.
        import tensorflow as tf

        with tf.io.gfile.GFile(str(path), "w") as file:
            file.write("".join(f"{name}\n" for name in self.names))

    @classmethod
    def load(cls, path: str) -> "LabelMap":
        """Reads the file that `save` wrote, or that an editor did.

        A byte order mark, line ends of Windows, and empty lines at the end do not count.

        Raises:
            DataError: If the file does not exist, cannot be read, has more than 64 MiB, or breaks
                one of the rules for names.
        """
        import tensorflow as tf

        from gsf_tf.files.whole_file import read_small_file

        check_path("path", path)
        try:
            # In binary, since line ends of text mode would hide a carriage return.
            text = read_small_file(str(path)).decode("utf-8-sig")
        except tf.errors.NotFoundError as error:
            raise DataError(
                "A label map must be a text file with one class name per line. Received: "
                f"path={str(path)!r}, which does not exist. `gsf_tf.data.write_records` writes one "
                "beside the records."
            ) from error
        except UnicodeDecodeError as error:
            raise DataError(
                f"A label map must be UTF-8 text. Received: path={str(path)!r}, which is not"
            ) from error
        return cls(text.replace("\r\n", "\n").rstrip("\n").split("\n"))

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index):
        return self.names[index]

    def __iter__(self):
        return iter(self.names)

    def __eq__(self, other):
        return isinstance(other, LabelMap) and self.names == other.names

    def __hash__(self):
        return hash(self.names)

    def __repr__(self):
        return f"LabelMap({list(self.names)!r})"
