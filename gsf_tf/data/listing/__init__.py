"""Listing: which clips a dataset has, with their labels and splits.

A folder per class, a list of paths and labels, or the official files of a published dataset become
a `ClipListing`. Stands on `video`, for parts of videos and folders of frames.
"""
