"""The graph that all formats of an export share.

`inference_function` walks the layers of a trained model and computes the same outputs with fewer
and cheaper standard operations. `layer_rules.py` lists the layers that have a form of their own.
"""
