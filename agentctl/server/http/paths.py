"""Paths of the routes that tell of components."""

from __future__ import annotations

STATUS = "/api/agents/control-plane/status"
STREAM = STATUS + "/stream"
TIMELINE = STATUS + "/timeline"
