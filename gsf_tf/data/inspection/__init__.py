"""Inspection: what a folder of records holds, counted from the records themselves.

The main door is `record_inspection.inspect_records`. Stands on `records`.
"""
