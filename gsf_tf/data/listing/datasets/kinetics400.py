"""Kinetics-400 (Kay et al., 2017)."""

from gsf_tf.data.listing.datasets.kinetics import Kinetics


class Kinetics400(Kinetics):
    """Kinetics-400, in the layout of `Kinetics`.

    The list of ActivityNet has 19,906 validation clips, 0.5 % fewer than the paper states.
    """

    name = "kinetics400"
    num_classes = 400
    # Kay et al., section 2: 306,245 clips, of each class 50 for validation and 100 for testing.
    num_clips = (246_245, 20_000)
