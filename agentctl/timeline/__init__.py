"""Timeline: each component's status over time, from a recording. No I/O.

``facts`` are the values, ``fold`` makes them of a recording's entries, ``buckets`` cuts
them into columns, ``axis`` finds round times, ``picture`` and ``svg`` draw.
"""
