"""Conformance of the rules that ship: how they judge objects whose health is known.

    python tools/conformance.py CASES.jsonl [--by-default] [--failures]

Each line of the file is a JSON object with ``object`` (as the API server gives it) and
``expected``: Healthy, Progressing, Degraded, Suspended, Missing, Unknown as Argo CD says, or
Current, InProgress, Failed, Terminating as kstatus does. ``--by-default`` judges all kinds as one
that nobody has written rules for. Prints a table by kind and the figures; ends with 1 where they
are not reached.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agentctl.catalog.rules import rules_of_kind
from agentctl.rules.judge import DELETED, OLDER, Judgement
from agentctl.rules.named import named

WANTED = {
    "Healthy": ("healthy",),
    "Current": ("healthy",),
    "Progressing": ("progressing",),
    "InProgress": ("progressing",),
    "Terminating": ("progressing",),
    "Degraded": ("degraded", "error"),
    "Failed": ("degraded", "error"),
    "Suspended": ("suspended", "configured"),
}
NOT_GREEN = ("degraded", "error", "unknown", "progressing", "suspended", "configured")
"""What is meant by all else: Missing and Unknown."""


class Case(NamedTuple):
    kind: str
    expected: str
    judged: Judgement
    listed: bool
    where: str

    @property
    def wanted(self) -> tuple[str, ...]:
        return WANTED.get(self.expected, NOT_GREEN)

    @property
    def passed(self) -> bool:
        return self.judged.status in self.wanted

    @property
    def by_rule(self) -> bool:
        """Whether a rule decided: deletion and generations come before all of them."""
        return self.judged.rule not in (DELETED, OLDER)

    @property
    def healthy(self) -> bool:
        return "healthy" in self.wanted

    @property
    def wrongly_green(self) -> bool:
        return self.judged.status == "healthy" and not self.healthy


def judged(line: str, by_default: bool) -> Case:
    case: dict[str, Any] = json.loads(line)
    item = case["object"]
    group = str(item.get("apiVersion", "")).rpartition("/")[0]
    kind = str(item.get("kind", ""))
    default = named("default")
    rules = default if by_default else rules_of_kind(group, kind)
    where = str(case.get("path", ""))
    name = f"{kind}.{group}" if group else kind
    return Case(name, str(case["expected"]), rules.judge(item), rules is not default, where)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", type=Path)
    parser.add_argument("--by-default", action="store_true", help="take no rules by kind")
    parser.add_argument("--failures", action="store_true", help="name those not as expected")
    args = parser.parse_args(argv)
    lines = args.cases.read_text(encoding="utf-8").splitlines()
    began = time.process_time()
    cases = [judged(line, args.by_default) for line in lines if line.strip()]
    spent = time.process_time() - began
    table(cases)
    if args.failures:
        for case in cases:
            if not case.passed and (case.listed or case.wrongly_green):
                got = f"{case.judged.status} by {case.judged.rule[:60]}"
                print(f"  {case.kind}: expected {case.expected}, got {got} ({case.where})")
    listed = [case for case in cases if case.listed and case.by_rule]
    built_in = [case for case in cases if not case.by_rule]
    sick = [case for case in cases if not case.healthy]
    well = [case for case in cases if case.healthy]
    figures = (
        ("as expected, kinds with rules", sum(one.passed for one in listed), len(listed), 0.98),
        ("not healthy, wrongly green", sum(one.wrongly_green for one in sick), len(sick), -0.01),
        ("healthy, recognised", sum(one.passed for one in well), len(well), 0.40),
    )
    reached = True
    for name, count, total, bound in figures:
        share = count / total if total else 0.0
        fine = not total or (share >= bound if bound > 0 else share <= -bound)
        reached = reached and fine
        print(f"{name:32} {count:5} of {total:5}  {share:7.2%}  {'' if fine else 'NOT REACHED'}")
    count = sum(one.passed for one in built_in)
    print(f"{'by deletion and generation alone':32} {count:5} of {len(built_in):5}")
    print(f"{spent / max(1, len(cases)) * 1000:.3f} ms of CPU an object, JSON included")
    return 0 if reached else 1


def table(cases: Sequence[Case]) -> None:
    by_kind: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_kind[case.kind].append(case)
    print(f"{'kind':56} {'rules':8} {'cases':>5} {'as exp.':>7} {'green!':>6}")
    for kind, mine in sorted(by_kind.items()):
        rules = "own" if mine[0].listed else "default"
        passed, wrong = sum(one.passed for one in mine), sum(one.wrongly_green for one in mine)
        print(f"{kind:56} {rules:8} {len(mine):5} {passed:7} {wrong or '':>6}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
