import dataclasses

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.layers import TemporalLayer
from gsf_tf.models import SegmentModel
from gsf_tf.models.layer_lookup import find_layers, normalized_frames


@dataclasses.dataclass(frozen=True)
class FeatureAgreement:
    """How far the features of a model are from those of its backbone; as text, a line to print.

    Attributes:
        model: Name of the model.
        temporal_layers: Number of its temporal layers.
        correlation: Pearson's correlation of the features of both, over frames and channels, in
            [-1, 1].
        difference: The largest difference of a feature, divided by the largest feature of the
            backbone.
    """

    model: str
    temporal_layers: int
    correlation: float
    difference: float

    def __str__(self) -> str:
        return (
            f"{self.model}: with its {self.temporal_layers} temporal layers, the features "
            f"correlate with those of the backbone at {self.correlation:.2f} (largest difference "
            f"{self.difference:.2g} of the largest feature)"
        )


def feature_agreement(
    model: keras.Model, backbone: keras.Model, inputs: np.ndarray | tf.Tensor
) -> FeatureAgreement:
    """Compares the features of a model with temporal layers with those of its backbone.

    Training starts from the backbone's pretrained features if both agree (a correlation near 1),
    and from noise if they do not (near 0). The features are the spatial means of the last maps, at
    inference: what a classifier reads.

    Args:
        model: `SegmentModel`, or a functional `keras.Model` from `insert_temporal`.
        backbone: The same model without temporal layers and with the same weights: for
            `from_preset("gsf_mobilenetv2", ..., weights="imagenet")` it is `"tsn_mobilenetv2"`; for
            `insert_temporal(backbone, ...)` it is `backbone`.
        inputs: What both models take: clips `[B, T, H, W, 3]` in 0..255 for a `SegmentModel`;
            frames `[B * T, H, W, C]`, preprocessed as the backbone expects, for a functional model.
            Real videos say more than noise; a few clips are enough.

    Returns:
        A `FeatureAgreement`.

    Raises:
        ValueError: If one of the models is a `SegmentModel` and the other is not, if their
            features differ in shape, or if the features of one are all equal.

    Example:

    ```python
    backbone = keras.applications.MobileNetV2(include_top=False, input_shape=(64, 64, 3))
    model = gsf_tf.models.insert_temporal(
        backbone, lambda name: gsf_tf.layers.GateShiftFuse(8, channel_ratio=0.5, name=name)
    )
    frames = keras.random.uniform((8, 64, 64, 3), -1, 1)
    print(gsf_tf.analysis.feature_agreement(model, backbone, frames))
    ```
    """
    kinds = [isinstance(each, SegmentModel) for each in (model, backbone)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            "`model` and `backbone` must both be a SegmentModel, or both be without one. Received: "
            f"a {type(model).__name__} and a {type(backbone).__name__}. Compare with the tsn_* "
            "preset, or pass `model.backbone`."
        )
    ours, theirs = (_features(each, inputs) for each in (model, backbone))
    if ours.shape != theirs.shape:
        raise ValueError(
            "`model` and `backbone` must have features of the same shape. "
            f"Received: {ours.shape} and {theirs.shape}"
        )
    for features, each in ((ours, model), (theirs, backbone)):
        if np.ptp(features) == 0:
            raise ValueError(
                "A correlation needs features that differ between frames or channels. Received: "
                f"{each.name!r}, whose features are all {features.flat[0]:g} on these inputs."
            )
    return FeatureAgreement(
        model=model.name,
        temporal_layers=len(find_layers(model, TemporalLayer)),
        correlation=float(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]),
        difference=float(np.abs(ours - theirs).max() / np.abs(theirs).max()),
    )


def _features(model, inputs):
    """Returns the spatial means of the last maps, float64 `[frames, C]`."""
    network = model
    if isinstance(model, SegmentModel):
        network, inputs = model.backbone, normalized_frames(model, inputs)
    features = keras.ops.convert_to_numpy(
        keras.ops.cast(network(inputs, training=False), "float64")
    )
    return features.mean(axis=(1, 2)) if features.ndim == 4 else features
