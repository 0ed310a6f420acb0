"""PyTorch checkpoints, read and written without PyTorch and without running code from the file."""

from gsf_tf.errors import CheckpointError
from gsf_tf.weights.infer_preset import infer_preset
from gsf_tf.weights.load_torch_backbone import load_torch_backbone
from gsf_tf.weights.load_torch_checkpoint import load_torch_checkpoint
from gsf_tf.weights.read_torch_file import read_torch_file
from gsf_tf.weights.save_torch_checkpoint import save_torch_checkpoint
from gsf_tf.weights.torch_checkpoint import TorchCheckpoint
from gsf_tf.weights.weight_file import WeightFile

__all__ = [
    "CheckpointError",
    "TorchCheckpoint",
    "WeightFile",
    "infer_preset",
    "load_torch_backbone",
    "load_torch_checkpoint",
    "read_torch_file",
    "save_torch_checkpoint",
]
