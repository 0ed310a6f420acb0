"""The flags of the programs that time clips: their size, and the threads."""

import os

from absl import flags

IMAGE_SIZE = flags.DEFINE_integer("image_size", 224, "Pixels.", lower_bound=32)
NUM_SEGMENTS = flags.DEFINE_integer("num_segments", 8, "Frames of a clip.", lower_bound=1)
THREADS = flags.DEFINE_integer("threads", os.cpu_count(), "Threads on the CPU.", lower_bound=1)
