"""Defines the record format: keys, framing, checks, and the description of a folder of records.

The main doors are `dataset_info.DatasetInfo` (the description), `record_schema.serialize_clip`
(clip to record) and `record_parser.parse_clip` (record to clip). The room needs `listing` and
`video`, whose labels and frames a record holds, and the ops. `writing`, `inspection` and `pipeline`
need this room.
"""
