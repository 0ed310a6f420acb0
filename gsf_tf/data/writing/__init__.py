"""Writes the clips of a listing into a folder of records, in several processes or on a cluster.

The main door is `record_folder.write_records`. An interrupted run can be continued, and the same
clips and settings give the same bytes. The room needs `records`, `listing` and `video`.
"""
