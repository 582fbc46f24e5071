"""Custom resource definitions of the agents install, in full."""

from __future__ import annotations

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import JSONObject

DOMAIN = "proompteng.ai"
SIGNALS = f"signals.signals.{DOMAIN}"


class Definition(NamedTuple):
    """One CRD: plural, group without the domain, kind."""

    plural: str
    group: str
    kind: str

    @property
    def name(self) -> str:
        return f"{self.plural}.{self.group}.{DOMAIN}"


DEFINITIONS = (
    Definition("agents", "agents", "Agent"),
    Definition("agentruns", "agents", "AgentRun"),
    Definition("agentproviders", "agents", "AgentProvider"),
    Definition("implementationspecs", "agents", "ImplementationSpec"),
    Definition("implementationsources", "agents", "ImplementationSource"),
    Definition("memories", "agents", "Memory"),
    Definition("versioncontrolproviders", "agents", "VersionControlProvider"),
    Definition("orchestrations", "orchestration", "Orchestration"),
    Definition("orchestrationruns", "orchestration", "OrchestrationRun"),
    Definition("tools", "tools", "Tool"),
    Definition("toolruns", "tools", "ToolRun"),
    Definition("approvalpolicies", "approvals", "ApprovalPolicy"),
    Definition("budgets", "budgets", "Budget"),
    Definition("secretbindings", "security", "SecretBinding"),
    Definition("signals", "signals", "Signal"),
    Definition("signaldeliveries", "signals", "SignalDelivery"),
    Definition("schedules", "schedules", "Schedule"),
    Definition("artifacts", "artifacts", "Artifact"),
    Definition("workspaces", "workspaces", "Workspace"),
)


def crd(definition: Definition) -> JSONObject:
    """As a chart applies it; the status comes from who serves it."""
    return {
        "kind": "CustomResourceDefinition",
        "apiVersion": "apiextensions.k8s.io/v1",
        "metadata": {
            "name": definition.name,
            "annotations": {
                "argocd.argoproj.io/sync-wave": "-10",
                "controller-gen.kubebuilder.io/version": "v0.20.0",
            },
        },
        "spec": {
            "group": f"{definition.group}.{DOMAIN}",
            "names": {
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _schema(definition.kind)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
                        {
                            "name": "Age",
                            "type": "date",
                            "jsonPath": ".metadata.creationTimestamp",
                        },
                    ],
                }
            ],
            "conversion": {"strategy": "None"},
        },
    }


def _schema(kind: str) -> JSONObject:
    """What controller-gen writes for a kind: some kilobytes, most of them descriptions."""
    return {
        "description": f"{kind} is the Schema of the {kind} API.",
        "type": "object",
        "properties": {
            "apiVersion": {
                "description": (
                    "APIVersion defines the versioned schema of this representation of an "
                    "object. Servers should convert recognized schemas to the latest internal "
                    "value, and may reject unrecognized values."
                ),
                "type": "string",
            },
            "kind": {
                "description": (
                    "Kind is a string value representing the REST resource this object "
                    "represents. Servers may infer this from the endpoint the client submits "
                    "requests to. Cannot be updated. In CamelCase."
                ),
                "type": "string",
            },
            "metadata": {"type": "object"},
            "spec": {
                "description": f"{kind}Spec defines the desired state of {kind}.",
                "type": "object",
                "properties": {
                    "suspend": {"description": "Stops reconciling.", "type": "boolean"},
                    "parameters": {
                        "description": f"Free parameters of the {kind}.",
                        "type": "object",
                        "additionalProperties": {"type": "string"},
                    },
                    "references": {"type": "array", "items": _reference()},
                    "timeoutSeconds": {
                        "description": "How long one reconciliation may take.",
                        "type": "integer",
                        "format": "int32",
                        "minimum": 1,
                    },
                },
                "x-kubernetes-preserve-unknown-fields": True,
            },
            "status": {
                "description": f"{kind}Status defines the observed state of {kind}.",
                "type": "object",
                "properties": {
                    "phase": {"type": "string"},
                    "observedGeneration": {"type": "integer", "format": "int64"},
                    "conditions": {
                        "type": "array",
                        "items": _condition(),
                        "x-kubernetes-list-map-keys": ["type"],
                        "x-kubernetes-list-type": "map",
                    },
                },
                "x-kubernetes-preserve-unknown-fields": True,
            },
        },
    }


def _reference() -> JSONObject:
    return {
        "description": "An object in the same namespace.",
        "type": "object",
        "required": ["name"],
        "properties": {
            "kind": {"description": "The referent's kind.", "type": "string"},
            "name": {"description": "The referent's name.", "type": "string", "minLength": 1},
        },
    }


def _condition() -> JSONObject:
    return {
        "description": "Condition contains details for one aspect of the current state.",
        "type": "object",
        "required": ["lastTransitionTime", "message", "reason", "status", "type"],
        "properties": {
            "lastTransitionTime": {
                "description": (
                    "The last time the condition transitioned from one status to another. This "
                    "should be when the underlying condition changed. If that is not known, then "
                    "using the time when the API field changed is acceptable."
                ),
                "format": "date-time",
                "type": "string",
            },
            "message": {
                "description": "A human readable message indicating details of the transition.",
                "maxLength": 32768,
                "type": "string",
            },
            "observedGeneration": {"format": "int64", "minimum": 0, "type": "integer"},
            "reason": {
                "description": "A programmatic identifier of the reason for the last transition.",
                "maxLength": 1024,
                "minLength": 1,
                "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                "type": "string",
            },
            "status": {"enum": ["True", "False", "Unknown"], "type": "string"},
            "type": {"maxLength": 316, "type": "string"},
        },
    }
