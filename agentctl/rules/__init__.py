"""Rules: which status an object's conditions and fields mean, as data. No I/O, no thread.

``atom`` is what a rule is made of, ``syntax`` reads its text, ``judge`` applies a list of
rules to an object, ``paths`` tells what a list reads, ``named`` has the lists that are built in.
"""
