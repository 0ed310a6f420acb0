"""Writing: a `ClipListing` becomes a folder of records, shard by shard, in several processes.

The main door is `record_folder.write_records`. Stands on `records`, `listing` and `video`.
"""
