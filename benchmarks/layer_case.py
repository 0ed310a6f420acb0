import dataclasses
import time

import keras
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.layers import TemporalLayer
from gsf_tf.models import from_preset

PASSES = ("forward", "with backward")
# A timed call repeats the layer until about so many elements went through, so that small maps are
# not a measure of how fast TensorFlow starts a graph.
ELEMENTS_PER_CALL = 2**24
MAX_REPEATS = 32


@dataclasses.dataclass(frozen=True)
class LayerCase:
    """A temporal layer at one size of map.

    Attributes:
        kind: Its class.
        op: The function of `gsf_tf.ops` that it runs.
        config: Its configuration, as sorted pairs.
        num_frames, height, width, channels: Shape of its input.
        strides: Its stride, 1 for layers that have none.
        uses: Which presets have it how often, as text.
    """

    kind: type
    op: str
    config: tuple = dataclasses.field(repr=False, compare=False)
    num_frames: int
    height: int
    width: int
    channels: int
    strides: int
    uses: str = dataclasses.field(compare=False)

    @property
    def layer(self):
        """Name of its class."""
        return self.kind.__name__

    @property
    def shape(self):
        return self.num_frames, self.height, self.width, self.channels

    @property
    def map(self):
        return "x".join(str(size) for size in self.shape)

    @property
    def name(self):
        return f"{self.layer} {self.map}"

    @property
    def repeats(self):
        """How often one timed call runs the layer."""
        elements = self.num_frames * self.height * self.width * self.channels
        return min(max(ELEMENTS_PER_CALL // elements, 1), MAX_REPEATS)


def find_cases(presets, image_size, num_segments):
    """Returns the temporal layers of presets that run an op, as `LayerCase`.

    There is one per class of layer, op, size of map and stride.
    """
    found = {}
    for preset in presets:
        model = from_preset(
            preset, 10, num_segments=num_segments, input_shape=(image_size, image_size, 3)
        )
        for layer in model.backbone.layers:
            if not isinstance(layer, TemporalLayer) or layer.op is None:
                continue
            _, *size = layer.input.shape
            key = (type(layer), layer.op, *size, getattr(layer, "strides", 1))
            uses = found.setdefault(key, (layer.get_config(), {}))[1]
            uses[preset] = uses.get(preset, 0) + 1
    return [
        LayerCase(
            kind,
            op,
            tuple(config.items()),
            num_segments,
            *size,
            " ".join(f"{preset}:{count}" for preset, count in uses.items()),
        )
        for (kind, op, *size), (config, uses) in found.items()
    ]


def make_candidate(case, implementation, passes):
    """Returns a function that runs a case and returns the seconds of one repetition.

    Args:
        case: `LayerCase`.
        implementation: `"compiled"`, `"reference"`, or `"copy"` for a copy of the input.
        passes: One of `PASSES`.
    """
    x = tf.random.stateless_normal(case.shape, (1, 2))
    if implementation == "copy":
        run = _repeated(lambda x: [tf.raw_ops.Snapshot(input=x)], x, case.repeats)
    else:
        with ops.use_implementation(implementation):
            run = _repeated(_layer_pass(case, passes), x, case.repeats)
            run.get_concrete_function()  # The choice of the implementation is that of the trace.

    def seconds():
        start = time.perf_counter()
        run().numpy()
        return (time.perf_counter() - start) / case.repeats

    return seconds


def _layer_pass(case, passes):
    keras.utils.set_random_seed(0)
    layer = case.kind.from_config(dict(case.config))
    layer.build(case.shape)
    if passes == "forward":
        return lambda x: [layer(x)]
    upstream = tf.random.stateless_normal(layer.compute_output_shape(case.shape), (3, 4))

    def both(x):
        variables = [variable.value for variable in layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        return [y, *tape.gradient(y, [x, *variables], output_gradients=upstream)]

    return both


def _repeated(function, x, repeats):
    """Returns a graph that calls `function` on `x` so often, one call after the other.

    One number of each result goes into the sum that the graph returns, so nothing is left out. The
    first of them depends on the sum so far, so nothing is computed once for all.
    """

    @tf.function(autograph=False)
    def run():
        def once(i, total):
            with tf.control_dependencies([total]):
                results = function(tf.identity(x))
            return i + 1, total + sum(tf.reshape(result, [-1])[0] for result in results)

        start = (tf.constant(0), tf.constant(0.0))
        return tf.while_loop(lambda i, _: i < repeats, once, start, parallel_iterations=1)[1]

    return run
