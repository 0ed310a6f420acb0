"""Makes batches of clips and labels, from records or straight from video files.

The main doors are `records_dataset.video_dataset_from_records` and
`directory_dataset.video_dataset_from_directory`; `single_clip.frames_to_clip` prepares one clip for
prediction. The room needs `records`, `listing` and `video`, and the ops that decode and scale
crops.
"""
