"""The least that a Python program does for a change: take its line, parse it, print one.

    python bare_watch.py KUBECONFIG

It watches one Deployment over plain HTTP, and knows of no reconnects, no time limits and nothing
to be judged: what agentctl takes beyond it is for those.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import yaml

PATH = (
    "/apis/apps/v1/namespaces/agents/deployments"
    "?watch=true&fieldSelector=metadata.name%3Dagents-controllers"
)


def main() -> None:
    config = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    server = urlsplit(config["clusters"][0]["cluster"]["server"])
    token = config["users"][0]["user"]["token"]
    connection = http.client.HTTPConnection(server.netloc, timeout=60)
    connection.request("GET", PATH, headers={"Authorization": f"Bearer {token}"})
    for line in connection.getresponse():
        found = json.loads(line)["object"]
        ready, wanted = found["status"].get("readyReplicas", 0), found["spec"].get("replicas")
        os.write(1, f"{found['metadata']['name']} {ready}/{wanted}\n".encode())


if __name__ == "__main__":
    main()
