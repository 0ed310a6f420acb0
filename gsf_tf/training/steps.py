"""One step of training and one of evaluation on one replica.

Both functions return sums over the replica's clips. The sum over replicas and steps, divided by the
number of clips, is the mean over the clips for batches of any sizes.

A multi-task model returns a dictionary of logits and needs a dictionary of labels. Its loss is the
weighted sum of the losses of the tasks. `top1` and `top5` are those of the task "action"; every
other task adds `<task>_top1` and `<task>_top5`.
"""

import functools

import keras
import tensorflow as tf

from gsf_tf.layers.stand_in import stand_in_unless
from gsf_tf.tasks import task_logits, task_prefix


def train_step(
    model,
    optimizer,
    clip,
    label,
    *,
    global_batch_size,
    label_smoothing,
    task_weights=None,
    class_weights=None,
    accumulator=None,
    update=True,
    average=None,
    jit_compile=False,
):
    """Takes one optimizer step and returns the sums of the batch.

    Args:
        model: Model from clips `[b, T, H, W, 3]` to logits `[b, K]`, or a dictionary of them.
        optimizer: Keras optimizer built on the model's trainable variables.
        clip: uint8 or float `[b, T, H, W, 3]`, the replica's share of the batch. A replica without
            clips (b = 0) adds nothing to loss, gradient and statistics of the batch.
        label: Integer `[b]`, or shares of the classes `[b, K]` from MixUp or CutMix; or a
            dictionary with those of each task.
        global_batch_size: Number of clips of one optimizer step, over all replicas and accumulated
            batches. The loss is divided by it.
        label_smoothing: Share of the label that is spread over all classes, in [0, 1).
        task_weights: Dictionary with the weight of each task's loss, for a multi-task model.
        class_weights: `[K]`, the weight of each class in the loss, or None; for a single task.
        accumulator: `GradientAccumulator` for a step of several batches, or None.
        update: Whether this is the last batch of a step. Otherwise its gradients are accumulated.
        average: `MovingAverage` of the weights that is updated, or None.
        jit_compile: Whether XLA compiles the loss and its gradients.

    Returns:
        A dictionary of float32 scalars: the sums `loss`, `top1` and `top5`, the number `clips`, and
        `broken`, which is 0 unless the loss or a gradient is not finite. With loss scaling, which
        skips steps with such gradients, only the loss is checked.
    """
    scaling = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    value_and_gradients = functools.partial(
        _value_and_gradients,
        model,
        optimizer,
        global_batch_size=global_batch_size,
        label_smoothing=label_smoothing,
        task_weights=task_weights,
        class_weights=class_weights,
        batches=accumulator.batches if accumulator else 1,
    )
    if jit_compile:
        value_and_gradients = tf.function(value_and_gradients, jit_compile=True, autograph=False)
    losses, logits, gradients = value_and_gradients(_or_stand_in(clip), label)
    sums = _sums(losses, label, logits)
    watched = sums["loss"] if scaling else sums["loss"] + _total(gradients)
    sums["broken"] = tf.where(tf.math.is_finite(watched), 0.0, 1.0)
    if accumulator is not None and not update:
        accumulator.add(gradients)
        return sums
    if accumulator is not None:
        gradients = accumulator.take(gradients)
    if scaling:
        gradients = _broken_together(gradients)
    optimizer.apply(gradients, model.trainable_variables)
    if average is not None:
        average.update(optimizer.iterations)
    return sums


def evaluation_step(model, clip, label, task_weights=None):
    """Returns the sums of a batch in inference mode. Arguments and result are as in `train_step`.

    In the last batch a replica may have no clips. The model does not run there, because the result
    of TensorFlow's convolution on CPUs has a wrong shape for an empty batch.
    """

    def sums():
        logits = model(clip, training=False)
        return _sums(_losses(label, logits, 0.0, task_weights), label, logits)

    def nothing():
        names = ("loss", *_metric_names(model.output), "clips")
        return {name: tf.constant(0.0) for name in names}

    return tf.cond(tf.shape(clip)[0] > 0, sums, nothing)


def training_mode_step(model, clip, label, task_weights=None):
    """Returns the sums of a batch in training mode. No weight but moving statistics changes.

    Arguments and result are as in `train_step`.
    """
    logits = _training_logits(model, _or_stand_in(clip), label)
    return _sums(_losses(label, logits, 0.0, task_weights), label, logits)


def _value_and_gradients(
    model,
    optimizer,
    clip,
    label,
    *,
    global_batch_size,
    label_smoothing,
    task_weights,
    class_weights,
    batches,
):
    with tf.GradientTape() as tape:
        logits = _training_logits(model, clip, label)
        losses = _losses(label, logits, label_smoothing, task_weights)
        if class_weights is not None:
            losses *= _weights_of(label, class_weights)
        loss = tf.reduce_sum(losses) / global_batch_size
        # Gradients are summed over replicas and batches, so each adds a part of the model's losses.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        loss += sum(model.losses, 0.0) / (replicas * batches)
        scaled_loss = optimizer.scale_loss(loss)
    return losses, logits, tape.gradient(scaled_loss, [v.value for v in model.trainable_variables])


def _or_stand_in(clip):
    """Returns the clips, or a black one if there are none."""
    if clip.shape[0]:
        return clip
    stand_in = tf.zeros(tf.concat([[1], tf.shape(clip)[1:]], 0), clip.dtype)
    clip = tf.cond(tf.shape(clip)[0] > 0, lambda: clip, lambda: stand_in)
    return tf.ensure_shape(clip, [None, *stand_in.shape[1:]])


def _training_logits(model, clip, label):
    """Returns the logits of the clips that have labels; a stand-in has none."""
    label = tf.nest.flatten(label)[0]
    if label.shape[0]:
        return model(clip, training=True)
    clips = tf.shape(label)[0]
    with stand_in_unless(clips > 0):
        logits = model(clip, training=True)
    return tf.nest.map_structure(lambda scores: scores[:clips], logits)


def _losses(label, logits, label_smoothing, task_weights):
    """Returns the loss of each clip, `[b]`."""
    if not isinstance(logits, dict):
        return _cross_entropy(label, logits, label_smoothing)
    return sum(
        task_weights[task] * _cross_entropy(label[task], logits[task], label_smoothing)
        for task in logits
    )


def _cross_entropy(label, logits, label_smoothing):
    classes = logits.shape[-1]
    target = tf.one_hot(label, classes) if label.shape.rank == 1 else label
    target = target * (1 - label_smoothing) + label_smoothing / classes
    return keras.ops.categorical_crossentropy(target, logits, from_logits=True)


def _weights_of(label, class_weights):
    """Returns the weight of each clip, `[b]`; of mixed clips, that of their shares."""
    if label.shape.rank == 1:
        return tf.gather(class_weights, label)
    return tf.linalg.matvec(tf.cast(label, class_weights.dtype), class_weights)


def _sums(losses, label, logits):
    sums, labels = {"loss": tf.reduce_sum(losses)}, task_logits(label)
    for task, scores in task_logits(logits).items():
        sums.update(_hits(labels[task], scores, task_prefix(task)))
    sums["clips"] = tf.cast(tf.shape(losses)[0], tf.float32)
    return sums


def _metric_names(logits):
    return [f"{task_prefix(task)}top{k}" for task in task_logits(logits) for k in (1, 5)]


def _hits(label, logits, prefix):
    if label.shape.rank == 2:
        label = tf.argmax(label, axis=-1)

    def hits(k):
        in_top = tf.math.in_top_k(label, logits, min(k, logits.shape[-1]))
        return tf.reduce_sum(tf.cast(in_top, tf.float32))

    return {f"{prefix}top{k}": hits(k) for k in (1, 5)}


def _total(gradients):
    """Returns a number that is finite only if all gradients are."""
    totals = [tf.reduce_sum(gradient) for gradient in gradients if gradient is not None]
    return tf.add_n([tf.cast(total, tf.float32) for total in totals])


def _broken_together(gradients):
    """Sets the gradients of all replicas to NaN if those of one replica are not finite.

    `LossScaleOptimizer` checks those of the first replica only, and would take the step.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return gradients
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, _total(gradients))
    sound = tf.math.is_finite(total)
    return [
        None if gradient is None else tf.where(sound, gradient, float("nan"))
        for gradient in gradients
    ]
