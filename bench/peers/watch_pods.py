"""The official client's typed watch: reads so many pods, then prints when and at what cost."""

import json
import sys
import time

from kubernetes import client, config, watch

config.load_kube_config(sys.argv[1])
wanted = int(sys.argv[2])
unhealthy = 0
stream = watch.Watch().stream(
    client.CoreV1Api().list_namespaced_pod, "agents", resource_version="1"
)
before = time.process_time()
for seen, event in enumerate(stream, 1):
    unhealthy += event["object"].status.phase != "Running"
    if seen == wanted:
        break
used = time.process_time() - before
print(json.dumps({"ended": time.monotonic(), "cpu_s": used, "unhealthy": unhealthy}), flush=True)
