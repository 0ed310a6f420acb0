import keras

from gsf_tf.errors import UserError
from gsf_tf.training.build_model import build_model


def resized_model(model, config, info, num_segments, image_size):
    """Returns a trained model for clips of another size, with the same weights.

    No weight of a network of this package depends on the number or the size of the frames. The
    network is built anew from its configuration, because the padding of some backbones depends on
    the size of their input.

    Args:
        model: `SegmentModel` that was trained with the configuration.
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
        info: `DatasetInfo` of records with the classes of the training.
        num_segments: Frames per clip, an integer >= 1.
        image_size: Height and width of the frames in pixels, an integer >= 1.

    Returns:
        A `SegmentModel` that shares no variables with `model`.

    Raises:
        UserError: If the network cannot be built for this size, `model` is not the network of the
            configuration, or the configuration is damaged.
    """
    try:
        config = config.copy_and_resolve_references()
        with config.ignore_type():
            # The file of initial weights may not exist any more, and is not needed.
            config.model.update(num_segments=num_segments, image_size=image_size, weights=None)
        resized = build_model(config, info)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            "For another size the network is built anew from the config.json of the run, which "
            "must be as training has written it. Received: a configuration of which no network "
            f"can be made ({type(error).__name__}: {reason:.300}). Restore it from a copy, or "
            "leave `num_segments` and `image_size` out."
        ) from error
    sources = {weight.path: weight for weight in model.weights}
    targets = {weight.path: weight for weight in resized.weights}
    others = _shapes(sources) ^ _shapes(targets)
    if others:
        raise UserError(
            "`num_segments` and `image_size` may differ from those of the training for a model of "
            "the run's configuration only, because the network is built anew from it. Received: "
            f"another model; {len(others)} weights differ, such as {min(others)[0]}. Leave "
            "`num_segments` and `image_size` out."
        )
    for path, weight in targets.items():
        weight.assign(keras.ops.convert_to_tensor(sources[path]))
    return resized


def _shapes(weights):
    return {(path, tuple(weight.shape)) for path, weight in weights.items()}
