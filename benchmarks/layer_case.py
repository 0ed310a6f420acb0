import dataclasses
import time

import keras
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.layers import GateShiftFuse, RubiksShift3D, TemporalShift
from gsf_tf.models import from_preset

# Kind of layer -> the op that it runs.
OPS = {
    TemporalShift: "temporal_shift",
    GateShiftFuse: "gate_shift_fuse",
    RubiksShift3D: "rubiks_shift",
}
PASSES = ("forward", "with backward")
# A timed call repeats the layer until about so many elements went through, so that small maps are
# not a measure of how fast TensorFlow starts a graph.
ELEMENTS_PER_CALL = 2**24
MAX_REPEATS = 32


@dataclasses.dataclass(frozen=True)
class LayerCase:
    """A temporal layer at one size of map.

    Attributes:
        layer: Name of its class.
        op: The function of `gsf_tf.ops` that it runs.
        config: Its configuration, as sorted pairs.
        num_frames, height, width, channels: Shape of its input.
        strides: Its stride, 1 for layers that have none.
        uses: Which presets have it how often, as text.
    """

    layer: str
    op: str
    config: tuple = dataclasses.field(repr=False, compare=False)
    num_frames: int
    height: int
    width: int
    channels: int
    strides: int
    uses: str = dataclasses.field(compare=False)

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
    """Returns the temporal layers of presets, one `LayerCase` per kind, size of map and stride."""
    found = {}
    for preset in presets:
        model = from_preset(
            preset, 10, num_segments=num_segments, input_shape=(image_size, image_size, 3)
        )
        for layer in model.backbone.layers:
            if type(layer) not in OPS:
                continue
            _, *size = layer.input.shape
            key = (type(layer), *size, getattr(layer, "strides", 1))
            uses = found.setdefault(key, (layer.get_config(), {}))[1]
            uses[preset] = uses.get(preset, 0) + 1
    return [
        LayerCase(
            kind.__name__,
            OPS[kind],
            tuple(config.items()),
            num_segments,
            *size,
            " ".join(f"{preset}:{count}" for preset, count in uses.items()),
        )
        for (kind, *size), (config, uses) in found.items()
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
    kind = next(kind for kind, op in OPS.items() if op == case.op)
    keras.utils.set_random_seed(0)
    layer = kind.from_config(dict(case.config))
    layer.build(case.shape)
    training = {"training": True} if kind is GateShiftFuse else {}
    if passes == "forward":
        return lambda x: [layer(x)]
    upstream = tf.random.stateless_normal(layer.compute_output_shape(case.shape), (3, 4))

    def both(x):
        variables = [variable.value for variable in layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, **training)
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
