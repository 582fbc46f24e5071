"""Warning events as controllers write them: one object for what repeats, with a count."""

from __future__ import annotations

import zlib

from agentctl.apidouble.kinds import EVENTS
from agentctl.apidouble.objects import Stored
from agentctl.apidouble.store import Store
from agentctl.model import JSONObject, format_time


def warn(store: Store, about: Stored, reason: str, message: str, component: str) -> None:
    """Tell it once more."""
    namespace, now = about.key.namespace, format_time(store.now())
    told = f"{about.obj['kind']} {reason} {message}".encode()
    name = f"{about.key.name}.{zlib.crc32(told):016x}"
    if any(stored.key == (namespace, name) for stored in store.objects(EVENTS)[0]):

        def again(event: JSONObject) -> None:
            event.update(count=event["count"] + 1, lastTimestamp=now)

        store.update(EVENTS, namespace, name, again)
        return
    involved = {"kind": about.obj["kind"], "namespace": namespace, "name": about.key.name}
    involved["uid"] = about.metadata["uid"]
    involved["apiVersion"] = about.obj["apiVersion"]
    involved["resourceVersion"] = about.metadata["resourceVersion"]
    store.create(
        {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "source": {"component": component},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": "Warning",
            "eventTime": None,
            "reportingComponent": component,
            "reportingInstance": "",
        }
    )
