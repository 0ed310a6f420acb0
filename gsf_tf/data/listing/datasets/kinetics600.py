"""Kinetics-600 (Carreira et al., "A Short Note about Kinetics-600", 2018)."""

from gsf_tf.data.listing.datasets.kinetics import Kinetics


class Kinetics600(Kinetics):
    """Kinetics-600, in the layout of `Kinetics`."""

    name = "kinetics600"
    num_classes = 600
    # Carreira et al. 2019 (Kinetics-700), table 1: training clips of all three; of each class 50
    # for validation.
    num_clips = (392_622, 30_000)
