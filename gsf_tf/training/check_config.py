from gsf_tf.errors import UserError
from gsf_tf.training.build_optimizer import OPTIMIZERS, SCHEDULES
from gsf_tf.training.derived_values import clips_per_step

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def check_config(config, info, devices):
    """Checks values of a configuration that no other function checks, before files are written.

    Args:
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
        info: `DatasetInfo` of the records.
        devices: `Devices` that share a batch.

    Raises:
        UserError: If a value is outside its range, or does not fit the records or the devices.
    """
    for name, value, least in (
        ("epochs", config.epochs, 1),
        ("eval_every_epochs", config.eval_every_epochs, 1),
        ("data.batch_size", config.data.batch_size, 1),
        ("optimizer.accumulate_steps", config.optimizer.accumulate_steps, 1),
        ("optimizer.reference_batch_size", config.optimizer.reference_batch_size, 0),
        ("estimate_steps", config.estimate_steps, 0),
        ("early_stopping_epochs", config.early_stopping_epochs, 0),
        ("freeze_backbone_epochs", config.freeze_backbone_epochs, 0),
        ("batch_norm.reestimate_batches", config.batch_norm.reestimate_batches, 0),
        ("batch_norm.compare_batches", config.batch_norm.compare_batches, 0),
        ("annealing.epochs", config.annealing.epochs, 0),
        ("checkpoint.every_steps", config.checkpoint.every_steps, 0),
        ("checkpoint.keep", config.checkpoint.keep, 1),
    ):
        if value < least:
            raise UserError(f"`config.{name}` must be at least {least}. Received: {value}")
    for name, value in (
        ("ema_decay", config.ema_decay),
        ("optimizer.label_smoothing", config.optimizer.label_smoothing),
    ):
        if not 0 <= value < 1:
            raise UserError(f"`config.{name}` must be in [0, 1). Received: {value}")
    if not 0 <= config.warmup_epochs < config.epochs:
        raise UserError(
            "`config.warmup_epochs` must be less than `config.epochs`. Received: "
            f"warmup_epochs={config.warmup_epochs}, epochs={config.epochs}. Set both."
        )
    for name, value, choices in (
        ("precision", config.precision, PRECISIONS),
        ("data.on_error", config.data.on_error, ("raise", "skip")),
        ("data.class_balance", config.data.class_balance, ("none", "weights")),
        ("optimizer.name", config.optimizer.name, OPTIMIZERS),
        ("optimizer.schedule", config.optimizer.schedule, SCHEDULES),
    ):
        if value not in choices:
            raise UserError(
                f"`config.{name}` must be one of {', '.join(choices)}. Received: {value!r}"
            )
    _check_fine_tuning(config)
    batch_size, train_clips = config.data.batch_size, info.num_clips(config.data.train_split)
    val_clips = info.num_clips(config.data.val_split)
    if clips_per_step(config) > train_clips:
        accumulated = config.optimizer.accumulate_steps
        times = f" times accumulate_steps={accumulated}" if accumulated > 1 else ""
        raise UserError(
            "An epoch must have at least one whole batch. Received: "
            f"{train_clips} clips and batch_size={batch_size}{times}. "
            "Choose a smaller `config.data.batch_size`."
        )
    if batch_size % devices.num_replicas:
        raise UserError(
            "The batch is divided among the devices, so `config.data.batch_size` must be a "
            f"multiple of their number. Received: batch_size={batch_size} and {devices}."
        )
    if val_clips < devices.num_workers:
        raise UserError(
            "Every worker must have a clip to validate. Received: "
            f"{val_clips} clips in {config.data.val_split!r} and {devices.num_workers} workers."
        )
    if devices.num_workers > 1 and config.data.on_error == "skip":
        raise UserError(
            "The workers' shares of a batch must be equally large, so `config.data.on_error` must "
            f"be 'raise' with several workers. Received: 'skip' and {devices.num_workers} workers. "
            "Prepare the damaged records anew."
        )


def _check_fine_tuning(config):
    shares = config.optimizer.decay_at
    if not all(0 < share < 1 for share in shares) or sorted(set(shares)) != list(shares):
        raise UserError(
            "`config.optimizer.decay_at` must be shares of the run between 0 and 1 in increasing "
            f"order, such as (0.4, 0.8). Received: {tuple(shares)}"
        )
    frozen = config.freeze_backbone_epochs
    if frozen >= config.epochs:
        raise UserError(
            "`config.freeze_backbone_epochs` must be less than `config.epochs`. Received: "
            f"freeze_backbone_epochs={frozen}, epochs={config.epochs}. Set both."
        )
    if frozen and not (config.model.weights or config.init):
        raise UserError(
            "`config.freeze_backbone_epochs` must be 0 for a backbone of random weights. Received: "
            f"{frozen}, without `config.model.weights` and `config.init`. Give one of them."
        )
