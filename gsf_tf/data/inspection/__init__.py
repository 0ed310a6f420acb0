"""Counts what a folder of records holds, and finds damage, duplicates and leaks.

The main door is `record_inspection.inspect_records`; `clip_sheet.contact_sheet` draws some of the
clips, `clip_lengths.read_clip_lengths` reads how long they are. The room needs `records`.
"""
