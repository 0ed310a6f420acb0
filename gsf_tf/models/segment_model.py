import os
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.keras_settings import check_image_data_format
from gsf_tf.layers import ClipNormalization, FoldSegments, SegmentConsensus
from gsf_tf.layers.arguments import check_num_segments
from gsf_tf.models.float32_copy import float32_copy
from gsf_tf.models.normalization import IMAGENET_RGB
from gsf_tf.models.shift_budget import check_shift_budget, shift_budget_loss


@keras.saving.register_keras_serializable(package="gsf_tf")
class SegmentModel(keras.Model):
    """A video classifier around a 2D backbone (TSN framework).

    Every frame runs through the backbone, global average pooling, dropout and one linear layer; the
    clip's logits are the mean of its frames' logits. Only the temporal layers inside the backbone
    combine frames (see `insert_temporal`). Normalization is part of the model.

    Args:
        backbone: Functional `keras.Model` from frames `[B * T, H, W, 3]` to feature maps
            `[B * T, h, w, C]` or feature vectors `[B * T, C]`.
        num_classes: Number of classes, an integer >= 1. For a multi-task model, a dictionary from
            the names of the tasks to their numbers of classes, such as
            `{"verb": 97, "noun": 300, "action": 3806}`. Each task has a linear layer of its own;
            the tasks share backbone and dropout.
        num_segments: Integer >= 1. Frames per clip, T; the same number as in the
            temporal layers of the backbone.
        dropout: Rate in [0, 1) before the linear layer.
        normalization: Arguments of `ClipNormalization` as a dictionary: mean, standard deviation
            and channel order that the backbone was trained with. By default those of ImageNet, RGB.
        shift_budget: Share of the channels that may read another frame, in [0, 1], for a backbone
            with `AttentionShift` layers: adds `shift_budget_loss` to the model's losses. None for
            no budget.
        dtype: Dtype policy of the layers around the backbone, the global one by default.
        **kwargs: Further arguments of `keras.Model`, such as `name`.

    Input shape:
        Clip `[B, T, H, W, 3]`, uint8 or float in 0..255, RGB. Float input is not clipped.

    Output shape:
        Logits `[B, num_classes]`, float32; for a multi-task model a dictionary from the names of
        the tasks to such logits.

    Raises:
        ValueError: If a number of classes or of frames is not an integer >= 1, or an argument does
            not fit the backbone.

    Example:

    ```python
    backbone = keras.applications.MobileNetV2(include_top=False, weights=None)
    model = SegmentModel(backbone, num_classes=12, num_segments=8)
    ```

    Reference:
        GSF paper, section 3.2, and section 4.5 for the tasks of EPIC-Kitchens-100. The linear layer
        per frame before the mean, initialized with a normal distribution of standard deviation
        0.001 and zero biases, follows the authors' code.
    """

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int | Mapping[str, int],
        num_segments: int,
        dropout: float = 0.5,
        normalization: Mapping[str, Any] | None = None,
        shift_budget: float | None = None,
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs: Any,
    ):
        check_image_data_format()
        num_segments = check_num_segments(num_segments)
        _check_segments_agree(backbone, num_segments)
        num_classes = _check_num_classes(num_classes)
        if shift_budget is not None:
            check_shift_budget(backbone, shift_budget)
        normalization = dict(normalization or IMAGENET_RGB)
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        clip = keras.Input((num_segments, *backbone.input_shape[1:]), name="clip")
        frames = FoldSegments(name="fold_segments", dtype=policy)(clip)
        normalized = ClipNormalization(**normalization, name="normalization", dtype=policy)(frames)
        features = backbone(normalized)
        if len(features.shape) == 4:
            features = keras.layers.GlobalAveragePooling2D(name="avgpool", dtype=policy)(features)
        features = keras.layers.Dropout(dropout, name="dropout", dtype=policy)(features)

        def logits_of(classes, task=""):
            frame_logits = keras.layers.Dense(
                classes,
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
                name=f"classifier{task}",
                dtype=policy,
            )(features)
            consensus = SegmentConsensus(num_segments, name=f"consensus{task}", dtype=policy)
            return consensus(frame_logits)

        if isinstance(num_classes, dict):
            logits = {task: logits_of(number, f"_{task}") for task, number in num_classes.items()}
        else:
            logits = logits_of(num_classes)
        super().__init__(clip, logits, **kwargs)
        self.autocast = False
        self.backbone = backbone
        self.num_classes = num_classes
        self.num_segments = num_segments
        self.dropout = dropout
        self.normalization = normalization
        self.shift_budget = shift_budget
        self.head_policy = policy

    @property
    def losses(self) -> list[tf.Tensor]:
        """Scalar tensors that training adds to the loss of the batch."""
        losses = super().losses
        if self.shift_budget is None:
            return losses
        return [*losses, shift_budget_loss(self, self.shift_budget)]

    def export(
        self, filepath: str | os.PathLike, format: str = "tf_saved_model", **kwargs: Any
    ) -> None:
        """Exports the model as `keras.Model.export` does, with standard TensorFlow ops only.

        The graph is traced with the reference implementations of `gsf_tf.ops` and in float32,
        whatever the precision of the model. Unlike `gsf_tf.export.export_saved_model`, it stores
        no class names and does not compare the outputs.

        Args:
            filepath: Path that is written.
            format: One of Keras' formats, such as `"tf_saved_model"` or `"litert"`.
            **kwargs: Further arguments of `keras.Model.export`.

        Raises:
            ValueError: If Keras has no such format, or the format needs a package that is not
                installed.
        """
        model = float32_copy(self)
        with ops.use_implementation("reference"):
            if format in ("onnx", "openvino"):
                model(model.input)  # Keras refuses models that were never called.
            try:
                keras.Model.export(model, str(filepath), format, **kwargs)
            except ImportError as error:
                raise ValueError(
                    "`format` must be one whose packages are installed. "
                    f"Received: format={format!r} ({error}). Install the package, or write a "
                    "SavedModel with `gsf_tf.export.export_saved_model`."
                ) from error

    def get_config(self) -> dict[str, Any]:
        return {
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "num_classes": (
                dict(self.num_classes) if isinstance(self.num_classes, dict) else self.num_classes
            ),
            "num_segments": self.num_segments,
            "dropout": self.dropout,
            "normalization": dict(self.normalization),
            "shift_budget": self.shift_budget,
            "dtype": self.head_policy.name,
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> "SegmentModel":
        backbone = keras.saving.deserialize_keras_object(
            config["backbone"], custom_objects=custom_objects
        )
        return cls(**{**config, "backbone": backbone})


def _check_num_classes(num_classes):
    """Returns an integer, or a dictionary of them."""
    if isinstance(num_classes, Mapping):
        if not num_classes or not all(map(_is_task_name, num_classes)):
            raise ValueError(
                "The tasks of `num_classes` must have names of letters, digits and underscores, "
                f"at least one. Received: {list(num_classes)}"
            )
        return {task: _check_num_classes(number) for task, number in num_classes.items()}
    if int(num_classes) != num_classes or num_classes < 1:
        raise ValueError(
            f"`num_classes` must be an integer >= 1. Received: num_classes={num_classes!r}"
        )
    return int(num_classes)


def _is_task_name(name):
    return isinstance(name, str) and name.isidentifier()


def _check_segments_agree(backbone, num_segments):
    for layer in backbone.layers:
        theirs = getattr(layer, "num_segments", num_segments)
        if theirs != num_segments:
            raise ValueError(
                "The model and the temporal layers of its backbone must have the same "
                f"`num_segments`. Received: num_segments={num_segments} for the model, "
                f"{theirs} in the layer {layer.name!r}"
            )
