import contextlib
import functools

import keras
import tensorflow as tf

from gsf_tf.training.attention_annealing import AttentionAnnealing
from gsf_tf.training.batch_statistics import BatchStatistics
from gsf_tf.training.broadcast_statistics import broadcast_statistics
from gsf_tf.training.build_model import build_model
from gsf_tf.training.build_optimizer import build_optimizer
from gsf_tf.training.class_weights import class_weights
from gsf_tf.training.derived_values import clips_per_step
from gsf_tf.training.distributed import distributed
from gsf_tf.training.gradient_accumulator import GradientAccumulator
from gsf_tf.training.head import frozen_backbone
from gsf_tf.training.moving_average import MovingAverage
from gsf_tf.training.random_states import kept_states, random_states, separate_replicas
from gsf_tf.training.steps import evaluation_step, train_step


class Learner:
    """The model, the optimizer and all other state of training, and the steps that change them.

    Args:
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
        info: `DatasetInfo` of the records.
        devices: `Devices`.
        steps_per_epoch: Optimizer steps of an epoch.

    Attributes:
        model: `SegmentModel`.
        optimizer: `CoupledSGD`, or a `LossScaleOptimizer` around one.
        checkpoint: `tf.train.Checkpoint` of all variables.
        statistics: `BatchStatistics` of the model.

    Raises:
        UserError: If the configuration does not describe a model and an optimizer.
    """

    def __init__(self, config, info, devices, steps_per_epoch):
        keras.utils.set_random_seed(config.seed)
        self._devices = devices
        self._annealing = None
        if config.annealing.epochs:
            self._annealing = AttentionAnnealing(
                config.annealing.epochs * steps_per_epoch,
                config.annealing.start,
                config.annealing.end,
            )
        with devices.strategy.scope():
            self.model = build_model(config, info)
            self.optimizer = build_optimizer(config, self.model, steps_per_epoch)
            self._average = (
                MovingAverage(self.model, config.ema_decay) if config.ema_decay else None
            )
        self._states = random_states(self.model)
        self.checkpoint = tf.train.Checkpoint(
            model=self.model,
            optimizer=self.optimizer,
            random_states=self._states,
            average=self._average.variables if self._average else [],
        )
        task_weights = config.task_weights.to_dict()
        evaluation = functools.partial(evaluation_step, self.model, task_weights=task_weights)
        weights = class_weights(config, info)
        self._steps = self._compiled_steps(config, task_weights, weights)
        if config.freeze_backbone_epochs:
            with frozen_backbone(self.model):
                self._frozen_steps = self._compiled_steps(config, task_weights, weights)
        self.evaluate = distributed(devices.strategy, evaluation, over_workers=False)
        self.statistics = BatchStatistics(self.model, devices.strategy, task_weights)

    def _compiled_steps(self, config, task_weights, weights):
        """Returns the steps for the variables that are trainable now.

        Returns:
            Two functions of a batch, which take an optimizer step and accumulate its gradients.
        """
        strategy, batches, accumulator = (
            self._devices.strategy,
            config.optimizer.accumulate_steps,
            None,
        )
        if batches > 1:
            with strategy.scope():
                accumulator = GradientAccumulator(self.model.trainable_variables, batches)
        step = functools.partial(
            train_step,
            self.model,
            self.optimizer,
            global_batch_size=clips_per_step(config),
            label_smoothing=config.optimizer.label_smoothing,
            task_weights=task_weights,
            class_weights=weights,
            accumulator=accumulator,
            average=self._average,
            jit_compile=config.jit_compile,
        )
        accumulate = functools.partial(step, update=False)
        return distributed(strategy, step), distributed(strategy, accumulate)

    def begin(self, is_new):
        """Prepares the averages and random states, after weights were restored or initialized.

        Args:
            is_new: Whether the run begins, so that the averages start from the weights.
        """
        if is_new and self._average:
            self._average.reset()
        separate_replicas(self._states, self._devices.first_replica)

    def take_step(self, batches, totals, place, frozen=False):
        """Takes one optimizer step.

        Args:
            batches: List of the batches of the step, from a `BatchFeed`.
            totals: `StepTotals` to which the results of the batches are added.
            place: Description of the step for messages, such as "epoch 3, step 17".
            frozen: Whether only the linear layers are trained.
        """
        if self._annealing:
            self._annealing.apply_step_of(self.model, self.optimizer)
        update, accumulate = self._frozen_steps if frozen else self._steps
        # What is trainable counts when a step is traced.
        with frozen_backbone(self.model) if frozen else contextlib.nullcontext():
            for number, (batch, ids) in enumerate(batches, start=1):
                run = update if number == len(batches) else accumulate
                totals.add(run(batch), ids, place)

    @contextlib.contextmanager
    def rehearsal(self):
        """Puts everything back that steps in a `with` block have changed.

        All replicas must have the same weights before, as those of a run that begins or continues.
        """
        averages = self._average.variables if self._average else []
        variables = [*self.model.weights, *self.optimizer.variables, *averages]
        values = [variable.numpy() for variable in variables]
        with kept_states(self._states):
            yield
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    @contextlib.contextmanager
    def averaged(self):
        """Sets the weights of the model to those for evaluation and saving, in a `with` block."""
        if self._annealing:
            self._annealing.apply_step_of(self.model, self.optimizer)
        with self._average.applied() if self._average else contextlib.nullcontext():
            broadcast_statistics(self.model, self._devices)
            yield self.model
