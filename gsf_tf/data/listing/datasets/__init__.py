"""The datasets of the papers, read from the files that their authors publish."""

from gsf_tf.data.listing.datasets.diving48 import Diving48
from gsf_tf.data.listing.datasets.epic100 import Epic100
from gsf_tf.data.listing.datasets.hmdb51 import Hmdb51
from gsf_tf.data.listing.datasets.jester import Jester
from gsf_tf.data.listing.datasets.kinetics400 import Kinetics400
from gsf_tf.data.listing.datasets.kinetics600 import Kinetics600
from gsf_tf.data.listing.datasets.kinetics700 import Kinetics700
from gsf_tf.data.listing.datasets.official_dataset import OfficialDataset
from gsf_tf.data.listing.datasets.something_v1 import SomethingV1
from gsf_tf.data.listing.datasets.something_v2 import SomethingV2
from gsf_tf.data.listing.datasets.ucf101 import Ucf101

OFFICIAL_DATASETS: dict[str, OfficialDataset] = {
    dataset.name: dataset
    for dataset in (
        SomethingV1(),
        SomethingV2(),
        Jester(),
        Kinetics400(),
        Kinetics600(),
        Kinetics700(),
        Diving48(),
        Epic100(),
        Ucf101(),
        Hmdb51(),
    )
}
"""The papers' datasets, each an `OfficialDataset`, by name: `"ssv1"`, `"kinetics400"` and so on."""
