"""The papers' training recipes, as functions that return a configuration.

The files in `configs/` are tables of experiments that call them. A configuration of one's own
starts from `gsf_tf.recipes.defaults.default_config`, which lists every value with its meaning.
They need ml_collections: `pip install 'gsf_tf[train]'`.
"""
