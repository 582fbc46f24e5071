"""What each component's status was over time, from a recording; no I/O.

``facts`` are the values, ``fold`` makes them of a recording's entries, ``buckets`` cuts
them into columns, ``axis`` finds round times, ``picture`` and ``svg`` draw.
"""
