"""Where state comes from: one producer thread an attempt, all into one queue.

A source knows nothing of the engine's state, of renderers or of the command
line; it puts messages (see ``base``) and is told to start and stop.
"""
