"""One step of training and of evaluation on one replica, everything passed in.

Both return sums over the replica's examples, so that a sum over replicas and steps divided by
the number of clips is the mean over the clips, whatever the batches were.
"""

import keras
import tensorflow as tf


def train_step(model, optimizer, clip, label, *, global_batch_size, label_smoothing):
    """Takes one optimizer step and returns the batch's sums.

    Args:
        model: Model from clips `[b, T, H, W, 3]` to logits `[b, K]`.
        optimizer: Keras optimizer built on the model's trainable variables.
        clip: uint8 or float `[b, T, H, W, 3]`, the replica's share of the batch.
        label: Integer `[b]`, or shares of the classes `[b, K]`, as MixUp and CutMix give.
        global_batch_size: Clips in the batch of all replicas, by which the loss is divided.
        label_smoothing: In [0, 1).

    Returns:
        Dictionary of float32 scalars: `loss`, `top1`, `top5` (sums) and `clips`.
    """
    with tf.GradientTape() as tape:
        logits = model(clip, training=True)
        losses = _cross_entropy(label, logits, label_smoothing)
        loss = tf.reduce_sum(losses) / global_batch_size
        # Gradients are summed over the replicas, so each one has its part of the model's own.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        loss += sum(model.losses, 0.0) / replicas
        scaled_loss = optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled_loss, [v.value for v in model.trainable_variables])
    optimizer.apply(gradients, model.trainable_variables)
    return _sums(losses, label, logits)


def evaluation_step(model, clip, label):
    """Returns the batch's sums in inference mode; arguments and result as in `train_step`.

    The last batch may leave a replica without a clip; the model is not run there, for
    TensorFlow's convolution on CPUs gives an empty batch a wrong shape.
    """

    def sums():
        logits = model(clip, training=False)
        return _sums(_cross_entropy(label, logits, 0.0), label, logits)

    def nothing():
        return {name: tf.constant(0.0) for name in ("loss", "top1", "top5", "clips")}

    return tf.cond(tf.shape(label)[0] > 0, sums, nothing)


def _cross_entropy(label, logits, label_smoothing):
    classes = logits.shape[-1]
    target = tf.one_hot(label, classes) if label.shape.rank == 1 else label
    target = target * (1 - label_smoothing) + label_smoothing / classes
    return keras.ops.categorical_crossentropy(target, logits, from_logits=True)


def _sums(losses, label, logits):
    if label.shape.rank == 2:
        label = tf.argmax(label, axis=-1)

    def hits(k):
        in_top = tf.math.in_top_k(label, logits, min(k, logits.shape[-1]))
        return tf.reduce_sum(tf.cast(in_top, tf.float32))

    return {
        "loss": tf.reduce_sum(losses),
        "top1": hits(1),
        "top5": hits(5),
        "clips": tf.cast(tf.shape(label)[0], tf.float32),
    }
