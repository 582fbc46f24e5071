"""Named rule lists: ``ready``, ``kstatus``, and ``default`` for kinds that nobody has written for.

``default`` goes by conventions alone: the conditions that the API conventions and kstatus
describe, words that operators use for a phase, counts of replicas. It says healthy only where
something says so and nothing that it knows speaks against it: what it does not know is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from agentctl.rules.judge import Rule, RuleList
from agentctl.rules.syntax import parse_atom

Texts = Iterable[tuple[str, tuple[str, ...]]]


def _cased(words: str) -> str:
    """Words as values, in the ways that operators write them."""
    found: dict[str, None] = {}
    for word in words.split():
        for one in (word, word.lower(), word.upper(), word[:1].lower() + word[1:]):
            found[one] = None
    return "|".join(found)


_READY: Texts = (
    ("degraded", ("Stalled=True",)),
    ("progressing", ("Reconciling=True",)),
    ("degraded", ("Ready=False",)),
    ("progressing", ("Ready=Unknown",)),
    ("healthy", ("Ready=True",)),
)

_KSTATUS: Texts = (
    ("degraded", ("Stalled=True",)),
    ("progressing", ("Reconciling=True",)),
    ("progressing", ("Ready=False|Unknown",)),
    ("healthy", ("Ready=True",)),
)
"""As kstatus has it: what is not ready yet is on its way, until the grace is over."""

_PROGRESS_REASONS = (
    "Progressing|Pending|Creating|Updating|Reconciling|Initializing|InProgress|Provisioning|"
    "Waiting|Deploying|Starting|Installing|Upgrading|Issuing|Running|ContainersNotReady|"
    "MinimumReplicasUnavailable|NewReplicaSetAvailable|DependencyNotReady"
)

_BAD_TYPES = (
    *("Stalled", "Degraded", "Invalid", "NotReady", "Terminating", "*Unhealthy", "*NotHealthy"),
    *("*Failed", "*Failure", "*Failing", "*Error", "*Errors", "*ErrorOccurred", "*Conflict"),
    *("*Pressure", "*Mismatch", "*Unavailable", "*Exceeded", "*Blocked", "*Rejected"),
    *("*Stuck", "*Timeout", "*TimedOut", "*OutOfSync", "Fallback", "*NonCompliant"),
)
_BUSY_TYPES = (
    *("Reconciling", "Updating", "Upgrading", "Creating", "Issuing", "Deploying", "Installing"),
    *("Provisioning", "Initializing", "Pending", "*InProgress", "*Progressing", "Deleting"),
    *("Disrupting", "*Draining", "*Evicting"),
    *("Migrating", "Restarting", "Scaling", "*Updating", "*Upgrading", "*Scheduling"),
)
_GOOD_TYPES = (
    *("Ready", "*Ready", "Available", "*Available", "Healthy", "*Healthy", "Succeeded"),
    *("*Succeeded", "Synced", "*Synced", "Valid", "*Valid", "Accepted", "*Accepted"),
    *("Programmed", "ResolvedRefs", "Established", "Installed", "*Installed", "Deployed"),
    *("*Deployed", "Reconciled", "*Reconciled", "Completed", "*Completed", "Complete"),
    *("Compliant", "*Compliant", "Applied", "*Applied", "Bound", "Initialized", "*Created"),
    *("*UpToDate", "Configured", "*Configured", "Published", "Admitted", "Released"),
    *("Provisioned", "*Provisioned", "Connected", "*Connected", "Scheduled", "Discoverable"),
    *("*Operational", "*Resolved", "*Generated", "*Found", "*Verified"),
)
_SUMMARIES = (
    *("Available", "Healthy", "Succeeded", "Complete", "Completed", "Reconciled"),
    *("Compliant", "Valid"),
)
"""One of these, true, says that all is well, where nothing speaks against it."""

_BAD_WORDS = _cased(
    "Failed Failure Error Errored Degraded Unhealthy Invalid Rejected Crashed Lost Faulted Fault "
    "ConfigError NonCompliant Unavailable Conflict Broken Timeout TimedOut Expired Aborted "
    "Cancelled Canceled Denied Misconfigured Critical Disconnected Stalled Stuck UpdateFailed "
    "CreateFailed DeleteFailed InstallFailed UpgradeFailed ValidationFailed Red OutOfSync Down "
    "NotReady CrashLoopBackOff ImagePullBackOff ErrImagePull OOMKilled Offline Warning Violated "
    "HEALTH_WARN HEALTH_ERR"
)
_BUSY_WORDS = _cased(
    "Pending Progressing InProgress Creating Updating Provisioning Initializing Reconciling "
    "Deploying Installing Upgrading Scaling Starting Stopping Restarting Waiting Processing "
    "Scheduled Queued Terminating Deleting Migrating Bootstrapping Configuring New Started "
    "Restoring Rolling RollingOut Verifying Preparing Binding Unscheduled Promoting Resizing "
    "Yellow Accepting Issuing ContainerCreating Init Connecting"
)
_HELD_WORDS = _cased("Suspended Paused Hibernated Hibernating Stopped Disabled")
_GOOD_WORDS = _cased(
    "Ready Active Available Healthy Succeeded Successful Success Completed Complete Bound "
    "Deployed Installed Established Online Ok Operational Provisioned Synced InSync Connected "
    "Compliant Green Reconciled Accepted Applied Exists Enabled Valid Done Finished Up "
    "Passed"
)
_WORD_FIELDS = (
    *(".status.phase", ".status.state", ".status.status", ".status.health"),
    *(".status.healthStatus", ".status.health.status", ".status.currentStatus"),
    *(".status.compliant", ".status.currentState", ".status.result", ".status.stage"),
    *(".status.overallStatus", ".status.clusterStatus", ".status.certificateStatus"),
    *(".status.currentPhase", ".status.syncStatus", ".status.provisioningState"),
    *(".status.lastOperationStatus", ".status.updateStatus", ".status.lifecycleState"),
    *(".status.jobStatus", ".status.jobDeploymentStatus", ".status.serviceStatus"),
    *(".status.associationStatus", ".status.reconciliationStatus", ".status.operationState"),
)
_NEUTRAL_WORDS = _cased("Running Open Unknown")
"""Running is good of what is to run for ever, and not yet of what is to end."""


_HELD_FIELDS = (".spec.suspend", ".spec.suspended", ".spec.paused", ".spec.pause")
_COUNTS = (
    *(("readyReplicas", ".spec.replicas"), ("readyReplicas", ".status.replicas")),
    *(("availableReplicas", ".spec.replicas"), ("availableReplicas", ".status.replicas")),
    *(("updatedReplicas", ".spec.replicas"), ("updatedReplicas", ".status.replicas")),
    *(("readyInstances", ".spec.instances"), ("readyInstances", ".status.instances")),
    *(("availableNodes", ".status.expectedNodes"), ("ready", ".status.size")),
    *(("numberReady", ".status.desiredNumberScheduled"), ("readyNodes", ".status.nodes")),
    *(("readyWorkerReplicas", ".status.desiredWorkerReplicas"), ("ready", ".status.total")),
)
_FAILURES = ("error", "failureReason", "failureMessage")
_ENDS = ("Complete", "Completed", "Available", "Progressing", "Succeeded")
_BAD_REASONS = "*Fail*|*Error*|*Exceeded|*Invalid*|*Aborted"
_FLAGS = ("ready", "healthy", "applied", "available", "pass", "success")


def _default() -> Texts:
    """Bad news first; then what is under way; then what nobody can tell; then good news."""
    fields = _WORD_FIELDS
    return (
        *(("suspended", (f"{one}=true",)) for one in _HELD_FIELDS),
        *(("suspended", (f"{one}=True",)) for one in ("Suspended", "Paused")),
        *(("degraded", (f"{one}=True",)) for one in _BAD_TYPES),
        *(("degraded", (f"{one}={_BAD_WORDS}",)) for one in fields),
        *(("suspended", (f"{one}={_HELD_WORDS}",)) for one in fields),
        *(("progressing", (f"{one}={_BUSY_WORDS}",)) for one in fields),
        *(("progressing", (f"{one}=True",)) for one in _BUSY_TYPES),
        *(("progressing", (f"{one}=False({_PROGRESS_REASONS})",)) for one in _GOOD_TYPES),
        *(("degraded", (f"{one}=False",)) for one in _GOOD_TYPES),
        *(("progressing", (f".status.{one}", f".status.{one}<{of}")) for one, of in _COUNTS),
        *(("degraded", (f".status.{one}=false",)) for one in ("ready", "healthy", "pass")),
        *(("degraded", (f".status.{one}",)) for one in _FAILURES),
        *(("degraded", (f"{one}=True|False({_BAD_REASONS})",)) for one in _ENDS),
        ("degraded", ("*=False(*Failed|*Failure|Fail*|*Error)",)),
        *(("unknown", (one, f"{one}!={_GOOD_WORDS}|{_NEUTRAL_WORDS}")) for one in fields),
        *(
            ("unknown", (f".status.**:.{one}={_BAD_WORDS}|{_BUSY_WORDS}",))
            for one in ("phase", "state", "status", "health")
        ),
        ("unknown", (".status.**:.health=Unknown|Missing",)),
        *(("unknown", (f".status.**:.{one}=false",)) for one in _FLAGS),
        ("unknown", (".status.**:any=False|Unknown",)),
        ("healthy", ("Ready=True",)),
        ("progressing", ("any=Unknown",)),
        *(("healthy", (f"{one}=True",)) for one in _SUMMARIES),
        *(("healthy", (f"{one}={_GOOD_WORDS}",)) for one in fields if one != ".status.compliant"),
        *(("healthy", (f".status.{one}=true",)) for one in ("healthy", "ready", "readyToUse")),
        # Routes and policies have conditions for each that they are attached to.
        *(("unknown", (f".status.{one}[*]:!Accepted",)) for one in ("parents", "ancestors")),
        *(("healthy", (f".status.{one}[*]:Accepted=True",)) for one in ("parents", "ancestors")),
        ("healthy", (".status.**:Ready=True",)),
    )


def rule_list(texts: Texts, name: str) -> RuleList:
    """Rules out of their texts."""
    rules = (Rule(status, tuple(map(parse_atom, atoms))) for status, atoms in texts)
    return RuleList(tuple(rules), None, name)


NAMES = ("ready", "kstatus", "default")


@cache
def named(name: str) -> RuleList:
    """One of NAMES. Raises KeyError."""
    texts = {"ready": lambda: _READY, "kstatus": lambda: _KSTATUS, "default": _default}
    return rule_list(texts[name](), name)
