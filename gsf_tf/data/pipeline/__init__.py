"""Pipelines: records or videos become batches of clips and labels for training and evaluation.

The main doors are `records_dataset.video_dataset_from_records` and
`directory_dataset.video_dataset_from_directory`. Stands on `records`, `listing`, `video` and on the
ops that decode and scale crops.
"""
