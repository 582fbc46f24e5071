"""Diagnosis: why a component is not fine, as ``details.diagnosis`` of an item and as text.

The stream itself stays as it is: it is decided on items without any of this, so that
deltas, cursors and ``status`` know nothing of a diagnosis. What is added stands in the
events that one reader gets (``sink``), from objects that the engine has already
(``explain``) and from what is asked of the API for it alone (``events_lookup``).
"""
