"""The record format: its keys, framing and checks, and the description of a folder of records.

Stands on `listing` and `video`, whose clips and labels it stores. `writing`, `inspection` and
`pipeline` stand on it.
"""
