import contextlib

import keras

from gsf_tf import ops
from gsf_tf.errors import UserError
from gsf_tf.models import from_preset
from gsf_tf.tasks import ACTION
from gsf_tf.training.batch_norm import configure_batch_norm


def build_model(config, info):
    """Builds the model of a configuration for the classes of records.

    All entries of `config.model` but `image_size` are arguments of `from_preset`. The global dtype
    policy is set to `config.precision`.

    Args:
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
        info: `DatasetInfo` of the records.

    Returns:
        A `SegmentModel`.

    Raises:
        UserError: If the values do not describe a model, or `config.jit_compile` is set and XLA
            cannot compile the model.
    """
    keras.config.set_dtype_policy(config.precision)
    arguments = dict(config.model)
    size = arguments.pop("image_size")
    # XLA has no kernels of the compiled ops.
    reference = ops.use_implementation("reference") if config.jit_compile else None
    with reference or contextlib.nullcontext():
        try:
            model = from_preset(
                num_classes=num_classes(config, info), input_shape=(size, size, 3), **arguments
            )
        except (ValueError, OSError) as error:
            raise UserError(f"`config.model` must describe a model. {error}") from error
    if config.jit_compile:
        _check_jit(model)
    settings = config.batch_norm
    configure_batch_norm(model, settings.momentum, settings.synchronized, settings.frozen)
    return model


def num_classes(config, info):
    """Returns the number of classes, or a dictionary of each task's for several tasks."""
    if not config.task_weights:
        return len(info.labels)
    known = {ACTION: info.labels, **info.task_classes}
    tasks = list(config.task_weights)
    if ACTION not in tasks or not set(tasks) <= known.keys():
        raise UserError(
            f"`config.task_weights` must weigh {ACTION!r} and parts of the classes that the "
            f"records know: {', '.join(info.task_classes) or 'none'}. Received: {tasks}"
        )
    return {task: len(known[task]) for task in tasks}


def _check_jit(model):
    layers = model._flatten_layers(include_self=False)
    names = sorted({type(layer).__name__ for layer in layers if not layer.supports_jit})
    if names:
        raise UserError(
            "`config.jit_compile` needs layers that XLA can compile. Received: "
            f"{model.name}, whose layers {', '.join(names)} it cannot. Leave jit_compile out."
        )
