"""Every value of a configuration with its meaning: the one list that all configurations start from.

A configuration takes `default_config()`, or a recipe that does, and sets its own values. It is
locked: setting a name that is not in this list is an error.
"""

from gsf_tf.recipes.config_dict import ConfigDict, placeholder


def default_config():
    """Returns a configuration in which every option is off or has the papers' value."""
    config = ConfigDict()
    config.seed = 0
    # "float32", "mixed_bfloat16" or "mixed_float16" (with loss scaling).
    config.precision = "float32"
    # XLA. Layers then take their reference path, because XLA cannot compile the custom ops.
    config.jit_compile = False

    # Arguments of `gsf_tf.models.from_preset`; an experiment adds those of its preset.
    config.model = ConfigDict()
    config.model.preset = ""
    config.model.num_segments = 8
    config.model.image_size = 224
    config.model.dropout = 0.5
    config.model.weights = placeholder(str)

    # The weights to start from: a workdir, a `.keras` file or a PyTorch checkpoint
    # (`gsf_tf.training.initialize_from`). The linear layer is new unless labels beside the weights
    # prove that the classes are the same, or `init_same_classes` says so; a RubiksNet that was
    # trained on images is inflated.
    config.init = placeholder(str)
    config.init_same_classes = False
    # Where the temporal shifts of a RubiksNet begin that was trained on images: "folds" (TSM's, as
    # in the authors' code), "noisy_folds" or "uniform" (`gsf_tf.models.inflate`).
    config.init_temporal_shift = "folds"

    config.data = ConfigDict()
    config.data.records = ""
    # If there are no records, make them from this many training clips per class of the demo's
    # moving shapes; 0 makes none.
    config.data.demo_clips = 0
    config.data.train_split = "train"
    config.data.val_split = "val"
    # Clips of one optimizer step on all devices and workers together, before accumulation.
    config.data.batch_size = 32
    # "none", or "weights": the loss of a clip is weighted so that every class has the same total.
    config.data.class_balance = "none"
    config.data.sampling = "segments"
    config.data.frame_stride = placeholder(int)
    config.data.shuffle_buffer = 256
    # A folder on a local disk for copies of the shards.
    config.data.cache = placeholder(str)
    config.data.service = placeholder(str)
    # At a damaged record, "raise" stops; "skip" leaves the record out and counts it.
    config.data.on_error = "raise"

    # `gsf_tf.data.Augmentation`, docs/augmentation.md.
    config.augmentation = ConfigDict()
    config.augmentation.crop = "multi_scale"
    # Smallest and largest share of the frame's area, for "random_resized".
    config.augmentation.crop_area = (0.08, 1.0)
    config.augmentation.flip = 0.0
    # File of class pairs that swap when a clip is mirrored; by default the dataset's own.
    config.augmentation.flip_pairs = placeholder(str)
    # RandAugment: mean and standard deviation of the magnitude (0..10; a mean of 0 turns it off),
    # and number of operations per clip.
    config.augmentation.rand_augment = 0.0
    config.augmentation.rand_augment_std = 0.5
    config.augmentation.rand_augment_ops = 2
    # "authors" (timm's rand-m9-mstd0.5, on whole frames) or "keras_cv" (on crops).
    config.augmentation.rand_augment_variant = "authors"
    # Names of the operations to draw from; empty for all of the variant.
    config.augmentation.rand_augment_names = ()
    config.augmentation.color_jitter = (0.0, 0.0, 0.0, 0.0)
    config.augmentation.erasing = 0.0
    config.augmentation.mixup = 0.0
    config.augmentation.cutmix = 0.0

    config.epochs = 60
    config.warmup_epochs = 10
    config.eval_every_epochs = 1
    # Before the run, take so many steps, put all back, and print how long the run will take; 0 does
    # not.
    config.estimate_steps = 0

    # Stop when the validation's top-1 was not better for so many epochs; 0 trains all epochs.
    config.early_stopping_epochs = 0
    # In so many epochs at the beginning the linear layers alone are trained.
    config.freeze_backbone_epochs = 0

    config.optimizer = ConfigDict()
    # "sgd" (`CoupledSGD`, as in the papers) or "adamw" (`GroupedAdamW`).
    config.optimizer.name = "sgd"
    # "cosine", or "step": the rate is multiplied by `decay_factor` after each share of the run in
    # `decay_at`.
    config.optimizer.schedule = "cosine"
    config.optimizer.decay_at = (0.4, 0.8)
    config.optimizer.decay_factor = 0.1
    # The rate for a batch of `reference_batch_size` clips. It is scaled in proportion to the batch
    # of a step (batch_size * accumulate_steps), unless `reference_batch_size` is 0.
    config.optimizer.learning_rate = 0.01
    config.optimizer.reference_batch_size = 32
    config.optimizer.momentum = 0.9
    # Coupled in "sgd", decoupled in "adamw".
    config.optimizer.weight_decay = 5e-4
    # The largest norm of the gradient, or None; and of which variables: "all", or "all_but_shifts"
    # (RubiksNet), which leaves the shifts out of the norm and as they are.
    config.optimizer.clip_norm = 20.0
    config.optimizer.clip_variables = "all"
    config.optimizer.label_smoothing = 0.0
    config.optimizer.accumulate_steps = 1
    # Multiplier of the learning rate of the linear layers, for backbones with pretrained weights.
    config.optimizer.head_rate = 1.0
    # Dictionaries of `gsf_tf.training.ParameterGroup`; of several that match, the first counts.
    config.optimizer.groups = ()
    # RubiksNet: see `CoupledSGD`. A number, "auto", or None.
    config.optimizer.shift_normalization = placeholder(object)

    # Decay of the moving average of the weights; the average is evaluated and saved. 0 turns it
    # off.
    config.ema_decay = 0.0

    config.batch_norm = ConfigDict()
    # Share of the old moving statistics that a step keeps (PyTorch's momentum is 1 minus this).
    config.batch_norm.momentum = 0.9
    # Whether to use the statistics of all devices' batches instead of each device's own.
    config.batch_norm.synchronized = False
    # "none", "all", or "all_but_first" (TSN's partial batch normalization).
    config.batch_norm.frozen = "none"
    # Before each validation and for the saved models, take the statistics of so many training
    # batches in the place of the moving ones (PreciseBN); 0 keeps the moving ones.
    config.batch_norm.reestimate_batches = 0
    # At each validation, compare training mode with inference mode on so many training batches, and
    # warn if they differ; 0 does not.
    config.batch_norm.compare_batches = 0

    # Attention shifts: the temperature falls from `start` to `end` over this many epochs; 0 leaves
    # it at its initial value.
    config.annealing = ConfigDict()
    config.annealing.epochs = 0
    config.annealing.start = 2.0
    config.annealing.end = 1e-3

    # A multi-task head: the weight of each task's loss, such as
    # `{"verb": 1.0, "noun": 1.0, "action": 1.0}` for records with these tasks; empty for a single
    # linear layer.
    config.task_weights = ConfigDict()

    config.checkpoint = ConfigDict()
    # Write a checkpoint every N steps inside an epoch too; 0 writes them at ends of epochs only.
    config.checkpoint.every_steps = 0
    # This many of the newest checkpoints are kept, and the best one.
    config.checkpoint.keep = 2

    # The result that the paper prints for this experiment; empty if the paper has no such row.
    config.paper = ConfigDict()
    config.paper.source = ""
    # In percent, as printed; on EPIC-Kitchens that of the action.
    config.paper.top1 = placeholder(float)
    # "efficiency", "accuracy" or "kinetics": the protocol of `top1`.
    config.paper.protocol = "efficiency"
    # All results that the papers print for this experiment, dictionaries with `source`, `protocol`,
    # `top1` and, on EPIC-Kitchens, `verb_top1` and `noun_top1`; `note` says what differs from here.
    config.paper.results = ()
    return config
