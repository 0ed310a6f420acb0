"""Kinetics-700 (Carreira et al., "A Short Note on the Kinetics-700 Dataset", 2019)."""

from gsf_tf.data.listing.datasets.kinetics import Kinetics


class Kinetics700(Kinetics):
    """Kinetics-700, in the layout of `Kinetics`.

    The lists of the edition of 2020 (`kinetics700_2020.tar.gz`) have the same classes and are read
    too; the numbers of clips that are stated are those of 2019.
    """

    name = "kinetics700"
    num_classes = 700
    # Table 1: 650,317 clips, of each class 50 for validation and 100 for testing.
    num_clips = (545_317, 35_000)
