"""The Dockerfile without a Docker daemon: what it copies is there, what it runs exists."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
from configparser import ConfigParser
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

from tests.deploy.shipped import DEPLOY, ROOT, container

DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
INSTRUCTIONS = {
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
    *("ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}


class Step(NamedTuple):
    stage: int
    """Counted from 1; 0 before the first FROM."""
    name: str
    words: list[str]
    """Of the JSON form where it has one, else as a shell would split them."""
    is_json: bool


def steps(text: str) -> list[Step]:
    """The instructions in order, by the Dockerfile reference ("Format", "Shell and exec form")."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found: list[Step] = []
    stage = 0
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = line.partition(" ")
        stage += name == "FROM"
        is_json = rest.lstrip().startswith("[")
        words = json.loads(rest) if is_json else shlex.split(rest)
        found.append(Step(stage, name, words, is_json))
    return found


STEPS = steps(DOCKERFILE.read_text(encoding="utf-8"))
LAST = max(step.stage for step in STEPS)


def of(name: str, stage: int = LAST) -> list[list[str]]:
    return [step.words for step in STEPS if step.name == name and step.stage == stage]


def test_the_parser_of_this_test_takes_the_forms_there_are() -> None:
    text = '# a\nFROM x AS y\nRUN a \\\n  b\n\nCMD ["c", "d e"]\n'
    assert steps(text) == [
        Step(1, "FROM", ["x", "AS", "y"], False),
        Step(1, "RUN", ["a", "b"], False),
        Step(1, "CMD", ["c", "d e"], True),
    ]


def test_every_instruction_is_one_that_docker_knows() -> None:
    assert {step.name for step in STEPS} <= INSTRUCTIONS
    assert LAST == 2


def test_both_stages_have_the_same_base_and_it_can_be_given() -> None:
    assert of("ARG", 0) == [["PYTHON=python:3.13-slim"]]
    assert of("FROM", 1) == [["${PYTHON}", "AS", "build"]]
    assert of("FROM", 2) == [["${PYTHON}"]]


def sources() -> list[str]:
    """What is copied from the context."""
    return [
        word
        for stage in range(1, LAST + 1)
        for words in of("COPY", stage)
        if not words[0].startswith("--from=")
        for word in words[:-1]
    ]


def test_everything_copied_is_in_the_repository() -> None:
    assert sources()
    assert [name for name in sources() if not (ROOT / name).exists()] == []


def ignored(path: str) -> bool:
    """Whether `.dockerignore` keeps a path out of the context: the last pattern that fits."""
    out = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip().lstrip("!")
        if not pattern or pattern.startswith("#"):
            continue
        anywhere = pattern.startswith("**/")
        parts = PurePosixPath(path).parts
        tails = ["/".join(parts[start:end]) for end in range(1, len(parts) + 1) for start in
                 (range(end) if anywhere else (0,))]  # fmt: skip
        if any(fnmatch.fnmatch(tail, pattern[3:] if anywhere else pattern) for tail in tails):
            out = not line.startswith("!")
    return out


def test_the_context_is_what_is_copied_and_nothing_else() -> None:
    assert [name for name in sources() if ignored(name)] == []
    tops = {path.name for path in ROOT.iterdir()} | {".git", ".env", "kubeconfig", "token"}
    tops |= {f"tools/{path.name}" for path in (ROOT / "tools").iterdir()}
    assert {name for name in tops if not ignored(name)} == set(sources())


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("agentctl/catalog/agents.yaml", False),
        ("agentctl/engine/engine.py", False),
        ("agentctl/__pycache__/engine.cpython-313.pyc", True),
        ("tests/conftest.py", True),
    ],
)
def test_of_the_package_only_its_caches_stay_out(path: str, out: bool) -> None:
    assert ignored(path) is out


def test_it_runs_as_a_number_that_is_not_root() -> None:
    ((user,),) = of("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    names = [step.name for step in STEPS if step.stage == LAST]
    assert names.index("USER") > names.index("COPY")


def test_the_program_is_the_one_that_the_package_installs() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    scripts = setup["options.entry_points"]["console_scripts"].split()
    ((program,),) = of("ENTRYPOINT")
    assert program == scripts[0] == "agentctl"
    ((path,),) = [[word for word in words if word.startswith("PATH=")] for words in of("ENV")]
    assert path == "PATH=/opt/agentctl/bin:$PATH"
    assert of("COPY") == [["--from=build", "/opt/agentctl", "/opt/agentctl"]]


def test_no_shell_comes_between() -> None:
    """Signals reach the program itself, and no word of a command is split or expanded."""
    run = [step for step in STEPS if step.name in ("RUN", "ENTRYPOINT", "CMD")]
    assert len(run) == 5
    assert all(step.is_json for step in run)


def test_it_installs_what_was_built_with_the_extra_of_the_server() -> None:
    wheel, venv, install = of("RUN", 1)
    assert wheel[-3:] == ["--wheel-dir", "/wheels", ".[server]"]
    assert venv[-1] == "/opt/agentctl"
    # From an index, `agentctl` could be anybody's.
    assert install[-4:] == ["--no-index", "--find-links", "/wheels", "agentctl[server]"]
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert "prometheus-client" in setup["options.extras_require"]["server"]


def test_the_ports_are_those_of_the_manifests() -> None:
    ((*ports,),) = of("EXPOSE")
    assert [int(port) for port in ports] == [one["containerPort"] for one in container()["ports"]]


def test_no_digest_is_made_up() -> None:
    text = Path(DOCKERFILE).read_text(encoding="utf-8")
    assert re.findall(r"sha256:\w+", text) == []
