"""What a script with the official client does: list the Deployments."""

import sys

from kubernetes import client, config

config.load_kube_config(sys.argv[1])
for found in client.AppsV1Api().list_namespaced_deployment("agents").items:
    print(found.metadata.name, found.status.available_replicas)
