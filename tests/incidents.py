"""What can happen to the demo's control plane beside what its script has happen."""

from __future__ import annotations

from agentctl.apidouble.kinds import DEPLOYMENTS, PODS
from agentctl.demo import ControlPlane, workloads
from agentctl.demo.controlplane import IMAGE
from agentctl.demo.warnings import warn
from agentctl.model import JSONObject, format_time


def rollout_stalls(plane: ControlPlane) -> None:
    """A new image of the controllers cannot be pulled, and the deadline has passed."""
    store, namespace = plane.store, plane.namespace
    name, now = plane.controller_pods[1], format_time(store.now())

    def without_image(pod: JSONObject) -> None:
        old = pod["status"]
        pod["status"] = workloads.crashing_pod_status(IMAGE, old["podIP"], old["startTime"], now, 0)
        why = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{IMAGE}"'}
        pod["status"]["containerStatuses"][0].update(state={"waiting": why}, lastState={})

    def stalled(found: JSONObject) -> None:
        _set_available(found, 1, now)
        found["status"]["conditions"][0].update(
            status="False",
            lastUpdateTime=now,
            lastTransitionTime=now,
            reason="ProgressDeadlineExceeded",
            message=f'ReplicaSet "{name.rpartition("-")[0]}" has timed out progressing.',
        )

    store.update(PODS, namespace, name, without_image)
    store.update(DEPLOYMENTS, namespace, "agents-controllers", stalled)
    message = f'Failed to pull image "{IMAGE}": not found'
    warn(store, store.stored(PODS, namespace, name), "Failed", message, "kubelet")


def database_unset(plane: ControlPlane) -> None:
    """Somebody removed DATABASE_URL."""

    def without_variable(found: JSONObject) -> None:
        app = found["spec"]["template"]["spec"]["containers"][0]
        app["env"] = [one for one in app["env"] if one["name"] != "DATABASE_URL"]

    def rolled_out(found: JSONObject) -> None:
        _set_available(found, 2, format_time(plane.store.now()))

    for change in (without_variable, rolled_out):
        plane.store.update(DEPLOYMENTS, plane.namespace, "agents", change)


def _set_available(found: JSONObject, available: int, now: str) -> None:
    metadata, replicas = found["metadata"], found["spec"]["replicas"]
    made = metadata["creationTimestamp"]
    found["status"] = workloads.deployment_status(
        metadata["name"], metadata["generation"], replicas, available, made, now
    )
