"""agentctl completion: the scripts that teach a shell to complete agentctl's words."""

from __future__ import annotations

from argparse import Namespace

from agentctl import package
from agentctl.cli.config.parser import Parser, one_of
from agentctl.cli.host.process import Process
from agentctl.errors import ExitCode

NAME = "completion"
HELP = "'completion bash' (zsh, fish): completion of commands, flags and values"
DESCRIPTION = """\
Print the script that completes agentctl's commands, flags, values, the
kubeconfig's contexts and the catalog's components. To have it in each new shell:

  bash   echo 'source <(agentctl completion bash)' >> ~/.bashrc
  zsh    echo 'source <(agentctl completion zsh)' >> ~/.zshrc    (after compinit)
  fish   agentctl completion fish > ~/.config/fish/completions/agentctl.fish

'kubectl agentctl' is completed by kubectl's own completion. Nothing is asked of
a cluster or a server."""

SCRIPTS = {"bash": "agentctl.bash", "zsh": "_agentctl", "fish": "agentctl.fish"}
"""By shell, as its own folder of completions wants the file called."""


def configure(parser: Parser) -> None:
    parser.add_argument(
        "shell", type=one_of(*SCRIPTS), metavar="|".join(SCRIPTS), help="the shell it is for"
    )


def run(args: Namespace, process: Process) -> int:
    script = package.data("agentctl.cli", f"share/{SCRIPTS[args.shell]}")
    process.stdout.write(script.decode("utf-8"))
    return ExitCode.OK
