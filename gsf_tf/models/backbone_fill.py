"""What `from_preset` says about the weights of a backbone."""

import dataclasses

import keras

TEMPORAL = "_temporal"  # How `insert_temporal` names a layer.


@dataclasses.dataclass(frozen=True)
class BackboneFill:
    """Which layers of a backbone have the weights of a file.

    Attributes:
        source: Path of the file, or what else the weights are called.
        filled: Names of the layers with weights from there.
        new: Names of the layers that kept their initial weights: temporal layers.
        unused: Names of the layers of the file that the backbone does not have: a linear layer,
            and other temporal layers.
    """

    source: str
    filled: tuple[str, ...]
    new: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"Weights of {self.source}: {len(self.filled)} layers filled"]
        new = (*self.new, "the classifier")
        for title, names in (("new", new), ("of the file not used", self.unused)):
            if names:
                shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
                parts.append(f"{len(names)} {title} ({shown})")
        return "; ".join(parts)

    def inside(self, backbone: keras.Model) -> "BackboneFill":
        """Returns the same for the backbone after temporal layers were inserted.

        Args:
            backbone: Functional `keras.Model` with the filled layers in it.
        """
        weighted = [layer.name for layer in backbone.layers if layer.weights]
        filled = tuple(name for name in weighted if name in self.filled)
        new = tuple(name for name in weighted if name not in self.filled)
        return dataclasses.replace(self, filled=filled, new=new)

    @property
    def has_temporal(self) -> bool:
        """Whether the file has temporal layers that were not read."""
        return any(name.endswith(TEMPORAL) for name in self.unused)
