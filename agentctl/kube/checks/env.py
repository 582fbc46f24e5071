"""``env``: a workload has a variable set. Where from is told, its value never is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from agentctl.kube.check import Check, Context, Fields, Result, blind, fill, place
from agentctl.kube.checks._workloads import Names, not_installed, parse_kinds
from agentctl.kube.cuts.objects import Env, EnvVar, cut_env
from agentctl.kube.resources import Need
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Status

if TYPE_CHECKING:
    from agentctl.kube.explain.finding import Finding

KIND = "env"
FIELDS = ("workload", "kinds", "variables", "default", "namespace")


@dataclass(frozen=True)
class EnvCheck(Check):
    """Any one of ``variables`` will do; ``default`` is what holds when none is set."""

    workload: Names
    variables: tuple[str, ...]
    default: str = ""
    namespace: str = ""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        return self.workload.needs(namespace, place(self.namespace, namespace), cut_env)

    def evaluate(self, context: Context) -> Result:
        where = place(self.namespace, context.namespace)
        found = self.workload.first(context.view, context.namespace, where, cut_env)
        if found.blind:
            return blind(found.blind)
        if found.value is None:
            return Result(Status.ERROR, self.workload.missing(context.namespace), missing=True)
        env: Env = found.value
        variable = setting(env, self.variables)
        if variable is not None:
            return Result(Status.CONFIGURED, details=_origin(variable))
        if self.default:
            value = fill(self.default, context.namespace)
            return Result(Status.CONFIGURED, details={"source": "default", "value": value})
        message = f"{' or '.join(self.variables)} is not set on {found.kind} {env.name}"
        if env.imports:
            origins = ", ".join(f"{one.source} {one.ref}" for one in env.imports)
            return Result(Status.UNKNOWN, f"{message} itself, which imports all of {origins}")
        return Result(Status.ERROR, message)

    def explain(self, context: Context, result: Result) -> Finding:
        from agentctl.kube.explain.finding import Finding, kubectl

        where = place(self.namespace, context.namespace)
        found = self.workload.first(context.view, context.namespace, where, cut_env)
        if found.value is None:
            return not_installed(self.workload.kinds, where)
        env: Env = found.value
        target, variable = f"{found.kind}/{env.name}", self.variables[0]
        if env.imports:
            return Finding(
                f"see whether one of what it imports has {variable}; keys only, no values",
                (),
                {"imports": [f"{one.source}/{one.ref}" for one in env.imports]},
                tuple(kubectl(where, "describe", one.source, one.ref) for one in env.imports[:3]),
            )
        secret = ("--from=secret/SECRET", f"--keys={variable}")
        return Finding(
            f"set {variable} on {target}, best from a Secret that has it as a key",
            (),
            {"variables": list(self.variables)},
            (
                kubectl(where, "set", "env", target, *secret),
                kubectl(where, "set", "env", target, "--list"),
            ),
        )


def setting(env: Env, variables: tuple[str, ...]) -> Optional[EnvVar]:
    """The first of the variables that is set to something."""
    known = {variable.name: variable for variable in env.variables}
    for name in variables:
        variable = known.get(name)
        if variable is not None and variable.source != "empty":
            return variable
    return None


def _origin(variable: EnvVar) -> dict[str, str]:
    origin = {"source": variable.source, "name": variable.ref, "key": variable.key}
    return {key: value for key, value in origin.items() if value}


def parse(fields: Fields) -> Check:
    return EnvCheck(
        Names(fields.names("workload"), parse_kinds(fields)),
        fields.texts("variables"),
        fields.text("default", ""),
        fields.name("namespace", ""),
    )
