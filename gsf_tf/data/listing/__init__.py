"""Lists the clips of a dataset with their labels and splits.

The main doors are `video_folder.list_video_folder` (a folder per class),
`video_list.list_annotated_videos` (a list of paths and labels) and `datasets.OFFICIAL_DATASETS`
(the datasets of the papers). Each makes a `clip_listing.ClipListing`. The room needs `video`, for
the names of files that are clips.
"""
