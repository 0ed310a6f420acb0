"""The flag --docs of the programs whose tables stand in a page of the documentation."""

from absl import flags

DOCS = flags.DEFINE_string("docs", None, "Markdown page whose tables of this program are replaced.")
