"""The configuration of a model of NVIDIA Triton."""

from collections.abc import Sequence

import keras

from gsf_tf.tasks import task_logits, task_prefix

_CONFIG = """\
# The model's name is that of its folder.
backend: "onnxruntime"
max_batch_size: {max_batch_size}
input [
  {{ name: "clip" data_type: TYPE_UINT8 dims: [{clip}] }}
]
output [
{outputs}
]
"""
MAX_BATCH_SIZE = 8


def triton_config(model: keras.Model, batch_size: int | None, names: Sequence[str]) -> str:
    """Returns the text of `config.pbtxt` for an ONNX model.

    With a free batch, Triton joins requests to batches of up to 8 clips; the batch axis is then not
    part of the shapes. A fixed batch is part of them.

    Args:
        model: The model that was exported.
        batch_size: Clips per batch, or None.
        names: Names of the outputs.
    """
    fixed = [] if batch_size is None else [batch_size]
    classes = {
        f"{task_prefix(task)}{kind}": logits.shape[-1]
        for task, logits in task_logits(model.output).items()
        for kind in ("logits", "probabilities")
    }

    def dims(*sizes):
        return ", ".join(map(str, [*fixed, *sizes]))

    outputs = ",\n".join(
        f'  {{ name: "{name}" data_type: TYPE_FP32 dims: [{dims(classes[name])}] }}'
        for name in names
    )
    config = _CONFIG.format(
        max_batch_size=0 if fixed else MAX_BATCH_SIZE,
        clip=dims(*model.input_shape[1:]),
        outputs=outputs,
    )
    return config if fixed else config + "dynamic_batching { }\n"
