"""Training runs of seconds inside of the test's process."""

import io
import json
import pathlib

import keras
import numpy as np
import rich.console
import tensorflow as tf

from configs.demo import get_config
from gsf_tf.models import from_preset
from gsf_tf.training.checkpoints import complete_checkpoints
from gsf_tf.workdir import Workdir
from trainers.train_loop import train

# The wall clock decides these figures.
TIMED = ("clips_per_second", "input/wait_fraction")


def small_config(records, preset="tsm_resnet14thin", **values):
    """A run of two epochs of 6 steps on the 48 clips of the package's records."""
    config = get_config(preset)
    config.model.image_size = 32
    config.model.num_segments = 2
    config.data.records = str(records)
    config.data.batch_size = 8
    config.epochs = 2
    config.warmup_epochs = 1
    config.eval_every_epochs = 1
    config.update_from_flattened_dict(values)
    return config


def all_at_once():
    """Values of a configuration with everything on that has a state or draws at random."""
    return {
        "data.batch_size": 4,
        "data.shuffle_buffer": 8,
        "optimizer.accumulate_steps": 2,
        "optimizer.label_smoothing": 0.1,
        "augmentation.color_jitter": (0.2, 0.2, 0.2, 0.1),
        "augmentation.erasing": 0.3,
        "augmentation.cutmix": 1.0,
        "model.dropout": 0.5,
        "ema_decay": 0.9,
        "batch_norm.reestimate_batches": 3,
        "batch_norm.compare_batches": 2,
        "estimate_steps": 1,
        "checkpoint.every_steps": 1,
    }


def start_weights(folder, preset="tsm_resnet14thin"):
    """Writes weights that a `small_config` can start from, and returns the file's path."""
    keras.utils.set_random_seed(1)
    model = from_preset(preset, 12, num_segments=2, input_shape=(32, 32, 3))
    path = str(folder / "start.weights.h5")
    model.save_weights(path)
    return path


def run_training(config, path, **kwargs):
    """Trains, and returns the exit status and what was printed."""
    output = io.StringIO()
    console = rich.console.Console(file=output, width=200)
    status = train(config, Workdir(path), console, **kwargs)
    return status, output.getvalue()


def newest_state(path):
    """All tensors of the newest checkpoint, and the place in the run."""
    newest = complete_checkpoints(pathlib.Path(path) / "checkpoints")[-1]
    reader = tf.train.load_checkpoint(str(newest / "weights"))
    tensors = {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if "OBJECT_GRAPH" not in name
    }
    state = json.loads((newest / "state.json").read_text())
    return tensors, {name: state[name] for name in ("epoch", "step", "sums", "best")}


def assert_same_run(path, other):
    """Bit for bit the same weights, momentum, averages and random states; the same figures."""
    (tensors, state), (other_tensors, other_state) = newest_state(path), newest_state(other)
    assert state == other_state
    assert tensors.keys() == other_tensors.keys() and len(tensors) > 100
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, other_tensors[name], err_msg=name)
    for line, other_line in zip(read_metrics(path), read_metrics(other), strict=True):
        assert untimed(line) == untimed(other_line)


def untimed(line):
    return {name: value for name, value in line.items() if name not in TIMED}


def read_metrics(path):
    lines = (pathlib.Path(path) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]
