"""PyTorch networks with the authors' module names, written for these tests.

They follow the papers and the released checkpoints' names, not the Keras code they are compared
with, so that an error on one side cannot hide on the other.
"""

from tests.torch_twins.randomize import randomize
from tests.torch_twins.save_as_authors import save_as_authors
from tests.torch_twins.segment_network import make_twin

__all__ = ["make_twin", "randomize", "save_as_authors"]
