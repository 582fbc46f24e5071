"""Import tree of ``agentctl status`` with times, as SVG.

    python tools/import_tree.py docs/imports.svg NAME=TREE [NAME=TREE ...]

Each TREE is a checkout; its ``status`` is run a few times against the embedded control plane,
and drawn to one scale: a module is as wide as its import took, what it imported stands below it.
Times are CPU times, the least of all runs for each module by itself, so that what else runs on
the machine shows little.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from agentctl.apidouble.double import ApiDouble
from agentctl.demo import ControlPlane

RUNS = 9
WIDTH, ROW, HEAD = 1200, 15, 34
LEAST_PX = 1.0
"""What is narrower is not drawn; its time is in that of what imported it."""
CHARACTER_PX = 5.6
COLOURS = {"agentctl": "#4c78a8", "yaml": "#b279a2"}
OTHER = "#9da5ad"

PROBE = """
import atexit, importlib._bootstrap as bootstrap, json, sys, time
out, sys.argv = sys.argv[1], ["agentctl", *sys.argv[2:]]
rows, stack, load = [], [], bootstrap._find_and_load_unlocked
def timed(name, import_):
    row = {"name": name, "above": stack[-1] if stack else -1, "self": 0.0}
    rows.append(row)
    stack.append(len(rows) - 1)
    began, row["below"] = time.process_time(), 0.0
    try:
        return load(name, import_)
    finally:
        took = time.process_time() - began
        row["self"] = took - row["below"]
        stack.pop()
        if stack:
            rows[stack[-1]]["below"] += took
bootstrap._find_and_load_unlocked = timed
atexit.register(lambda: json.dump(rows, open(out, "w")))
from agentctl.cli.entry import entry
entry()
"""


class Module(NamedTuple):
    """``self_ms`` is without what it imports; ``above`` the index of who imported it, or -1."""

    name: str
    above: int
    self_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("trees", nargs="+", metavar="NAME=TREE")
    args = parser.parse_args()
    trees = dict(one.split("=", 1) for one in args.trees)
    with tempfile.TemporaryDirectory() as folder, ApiDouble() as double:
        ControlPlane(double.store, lease_duration_s=3600).install()
        kubeconfig = Path(folder, "kubeconfig")
        double.kubeconfig(kubeconfig)
        found = {name: measured(tree, kubeconfig, Path(folder)) for name, tree in trees.items()}
    args.out.write_text(drawn(found), encoding="utf-8")
    for name, modules in found.items():
        print(f"{name}: {told(modules)}")


def measured(tree: str, kubeconfig: Path, folder: Path) -> list[Module]:
    """Every module that ``status`` imports in ``tree``, in the order of their imports."""
    env = {**os.environ, "PYTHONPATH": tree, "KUBECONFIG": str(kubeconfig), "HOME": str(folder)}
    subprocess.run([sys.executable, "-m", "compileall", "-q", f"{tree}/agentctl"], check=True)
    told = folder / "modules.json"
    least: dict[str, float] = {}
    rows: list[dict[str, object]] = []
    for _ in range(RUNS):
        argv = [sys.executable, "-c", PROBE, str(told), "status"]
        subprocess.run(argv, env=env, check=True, timeout=60, cwd=folder, stdout=subprocess.DEVNULL)
        rows = json.loads(told.read_text(encoding="utf-8"))
        for row in rows:
            name, took = str(row["name"]), float(str(row["self"])) * 1000
            least[name] = min(least.get(name, took), took)
    return [
        Module(str(row["name"]), int(str(row["above"])), least[str(row["name"])]) for row in rows
    ]


def told(modules: Sequence[Module]) -> str:
    """One line for all of them."""
    ours = [one for one in modules if is_ours(one.name)]
    return (
        f"{sum(one.self_ms for one in modules):.0f} ms for {len(modules)} modules, of these "
        f"{sum(one.self_ms for one in ours):.0f} ms for {len(ours)} of agentctl"
    )


def is_ours(name: str) -> bool:
    return name.partition(".")[0] == "agentctl"


def drawn(found: Mapping[str, Sequence[Module]]) -> str:
    """The picture, one tree above the other."""
    longest = max(sum(one.self_ms for one in modules) for modules in found.values())
    scale = (WIDTH - 20) / longest
    parts: list[str] = []
    top = 0
    for name, modules in found.items():
        parts.append(
            f'<text class="head" x="10" y="{top + 20}">{escape(f"{name}: {told(modules)}")}</text>'
        )
        boxes = list(placed(modules, scale))
        parts += [
            box(modules[index], left, top + HEAD + ROW * depth, width, total)
            for index, left, depth, width, total in boxes
        ]
        top += HEAD + ROW * (1 + max(depth for _, _, depth, _, _ in boxes)) + 14
    style = (
        "text{font:10px sans-serif;fill:#fff}.head{font:bold 13px sans-serif;fill:#24292f}"
        "rect{stroke:#fff;stroke-width:.5}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}">'
        f'<style>{style}</style><rect width="{WIDTH}" height="{top}" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def placed(
    modules: Sequence[Module], scale: float
) -> Iterator[tuple[int, float, int, float, float]]:
    """Of each module that is wide enough: index, left edge, depth, width, and all its time."""
    total = [one.self_ms for one in modules]
    for index in range(len(modules) - 1, -1, -1):
        if modules[index].above >= 0:
            total[modules[index].above] += total[index]
    free: dict[int, float] = {-1: 10.0}
    depths: dict[int, int] = {-1: -1}
    for index, one in enumerate(modules):
        left, width = free[one.above], total[index] * scale
        free[one.above] = left + width
        free[index], depths[index] = left, depths[one.above] + 1
        if width >= LEAST_PX:
            yield index, left, depths[index], width, total[index]


def box(module: Module, left: float, top: int, width: float, total_ms: float) -> str:
    """A module: its short name where it fits, and all of it where a pointer rests."""
    colour = COLOURS.get(module.name.partition(".")[0], OTHER)
    label = module.name.removeprefix("agentctl.")
    room = int((width - 4) / CHARACTER_PX)
    if len(label) > room:
        label = label.rpartition(".")[2]
    text = (
        f'<text x="{left + 3:.1f}" y="{top + 11}">{escape(label)}</text>'
        if len(label) <= room
        else ""
    )
    title = f"{module.name}: {total_ms:.1f} ms, {module.self_ms:.1f} by itself"
    return (
        f'<g><title>{escape(title)}</title><rect x="{left:.1f}" y="{top}" width="{width:.1f}" '
        f'height="{ROW}" fill="{colour}"/>{text}</g>'
    )


if __name__ == "__main__":
    main()
