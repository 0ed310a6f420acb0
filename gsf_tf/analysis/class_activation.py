"""Maps of what speaks for a class in a clip: class activation, and Grad-CAM for any layer."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.models import SegmentModel
from gsf_tf.models.layer_lookup import classifiers, normalized_frames
from gsf_tf.tasks import ACTION


def class_activation(
    model: keras.Model,
    clips: np.ndarray | tf.Tensor,
    classes: Sequence[int] | None = None,
    *,
    relative: bool = False,
) -> np.ndarray:
    """Returns how much each place of each frame speaks for a class: a tube in space and time.

    The mean of a clip's map over frames and places, plus the bias of the class, is the logit of the
    class. So the maps divide the logit among the places; negative values speak against the class.
    The classes of a multi-task model are those of its action.

    Args:
        model: `SegmentModel` whose backbone gives feature maps `[B * T, h, w, C]`.
        clips: `[B, T, H, W, 3]` in 0..255.
        classes: Index of the class for each clip, `[B]`; by default the class that the model finds.
        relative: Subtract the mean of the maps of all classes. What adds to all logits alike does
            not change a probability, but may be larger than what tells the classes apart.

    Returns:
        float32 `[B, T, h, w]`, in units of the logit.

    Raises:
        ValueError: If the model is no `SegmentModel`, its backbone gives vectors instead of maps,
            or the classes do not fit the clips.

    Example:

    ```python
    clips = keras.random.uniform((1, 8, 64, 64, 3), 0, 255)
    maps = gsf_tf.analysis.class_activation(model, clips)  # [1, 8, 2, 2]
    ```

    Reference:
        Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016; Stergiou et
        al., Saliency Tubes, ICIP 2019, which GSF paper, Figure 9, draws.
    """
    clips = _checked_clips(model, clips)
    if len(model.backbone.output_shape) != 4:
        raise ValueError(
            "`model` must have a backbone whose output is a feature map `[B * T, h, w, C]`. "
            f"Received: {model.name!r}, whose backbone has the output {model.backbone.output_shape}"
        )
    maps = model.backbone(normalized_frames(model, clips), training=False)
    maps = keras.ops.convert_to_numpy(keras.ops.cast(maps, "float32"))
    maps = maps.reshape(len(clips), -1, *maps.shape[1:])
    kernel, bias = (keras.ops.convert_to_numpy(w) for w in _classifier(model).weights)
    logits = maps.mean(axis=(1, 2, 3)) @ kernel + bias
    classes = _checked_classes(classes, logits)
    if relative:
        kernel = kernel - kernel.mean(axis=1, keepdims=True)
    return np.einsum("bthwc,cb->bthw", maps, kernel[:, classes]).astype(np.float32)


def grad_cam(
    model: keras.Model,
    clips: np.ndarray | tf.Tensor,
    layer: str,
    classes: Sequence[int] | None = None,
) -> np.ndarray:
    """Returns the Grad-CAM of a layer: where its features speak for a class.

    The channels of the layer are weighted with the mean, over frames and places of the clip, of the
    gradient of the class's logit, and summed; what is negative becomes zero.

    Args:
        model: `SegmentModel`.
        clips: `[B, T, H, W, 3]` in 0..255.
        layer: Name of a layer of the backbone whose output is a feature map `[B * T, h, w, C]`.
        classes: As in `class_activation`.

    Returns:
        float32 `[B, T, h, w]`, at least 0.

    Raises:
        ValueError: If the model is no `SegmentModel`, it has no such layer, the layer's output is
            no feature map, or the classes do not fit the clips.

    Example:

    ```python
    clips = keras.random.uniform((1, 8, 64, 64, 3), 0, 255)
    maps = gsf_tf.analysis.grad_cam(model, clips, "layer4_0_out")
    ```

    Reference:
        Selvaraju et al., Grad-CAM, ICCV 2017, equations (1) and (2).
    """
    clips = _checked_clips(model, clips)
    maps_and_features = _with_maps_of(model, layer)
    head = _classifier(model)
    with tf.GradientTape() as tape:
        frames = tf.convert_to_tensor(normalized_frames(model, clips))
        tape.watch(frames)
        maps, features = maps_and_features(frames, training=False)
        if len(features.shape) == 4:
            features = tf.reduce_mean(features, axis=(1, 2))
        logits = head(features)
        logits = tf.reduce_mean(tf.reshape(logits, (len(clips), -1, logits.shape[-1])), axis=1)
        chosen = _checked_classes(classes, logits.numpy())
        score = tf.reduce_sum(tf.gather(logits, chosen, batch_dims=1))
    gradient = tape.gradient(score, maps)

    def by_clip(values):
        values = tf.cast(values, tf.float32).numpy()
        return values.reshape(len(clips), -1, *values.shape[1:])

    weights = by_clip(gradient).mean(axis=(1, 2, 3))
    return np.maximum(np.einsum("bthwc,bc->bthw", by_clip(maps), weights), 0)


def _with_maps_of(model, name):
    """Returns a model from frames to the maps of a layer and the features of the backbone."""
    backbone = model.backbone
    layers = {layer.name: layer for layer in backbone.layers}
    shape = getattr(getattr(layers.get(name), "output", None), "shape", ())
    if len(shape) != 4:
        fitting = [n for n, each in layers.items() if len(getattr(each.output, "shape", ())) == 4]
        raise ValueError(
            "`layer` must be the name of a layer of the backbone whose output is a feature map "
            f"`[B * T, h, w, C]`. Received: layer={name!r}. The last ones are "
            f"{', '.join(fitting[-5:]) or 'none'}."
        )
    return keras.Model(backbone.input, (layers[name].output, backbone.output))


def _classifier(model):
    of_model = classifiers(model)
    return of_model.get(f"classifier_{ACTION}") or next(iter(of_model.values()))


def _checked_clips(model, clips):
    if not isinstance(model, SegmentModel):
        raise ValueError(
            "`model` must be a SegmentModel, which has a backbone and a classifier. "
            f"Received: {getattr(model, 'name', model)!r}, a {type(model).__name__}"
        )
    expected = model.input_shape[1:]
    if len(clips.shape) != 5 or tuple(clips.shape[1:]) != expected:
        raise ValueError(
            f"`clips` must be {['B', *expected]} for this model. Received: shape={clips.shape}"
        )
    return clips


def _checked_classes(classes, logits):
    """Returns the class of each clip, by default the likeliest one."""
    if classes is None:
        return logits.argmax(axis=1)
    classes = np.asarray(classes)
    if classes.shape != logits.shape[:1] or not np.isin(classes, np.arange(logits.shape[1])).all():
        raise ValueError(
            f"`classes` must have a class in 0..{logits.shape[1] - 1} for each of "
            f"{len(logits)} clips. Received: classes={classes.tolist()}"
        )
    return classes
