"""A thousand messages as kubelets, schedulers, controllers and API servers write them.

None holds a secret. Made of templates and names, so that each run reads the same ones.
"""

from __future__ import annotations

import itertools
import random
import re
from pathlib import Path

SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
TEMPLATES = (Path(__file__).parent.parent / "data" / "kubernetes_messages.txt").read_text()

FILLINGS = {
    "ns": ["agents", "kube-system", "cert-manager", "token-service", "payments-prod", "vault"],
    "name": [
        *("agents-controllers", "agents-grpc", "secret-syncer", "token-refresher", "coredns"),
        *("password-reset", "sk-learn-worker", "api-keys", "auth-proxy", "npm-cache", "live-view"),
    ],
    "secret": [
        *("agents-db-app", "my-secret", "registry-credentials", "agents-token", "tls-private-key"),
        *("default-token-x2x9z", "github-api-key", "db-password", "cookie-secret", "regcred"),
    ],
    "KEY": ["DATABASE_URL", "DB_PASSWORD", "API_KEY", "SESSION_SECRET", "AWS_SECRET_ACCESS_KEY"],
    "file": [
        "tls.key",
        "password",
        "token",
        "config.yaml",
        "ca.crt",
        "apiKey",
        ".dockerconfigjson",
    ],
    "node": [
        *("ip-10-0-3-117.eu-west-1.compute.internal", "gke-prod-pool-1-4f1c0e4a-x2x9", "node-7"),
        *("aks-nodepool1-31415926-vmss00000a", "talos-worker-2.example.com"),
    ],
    "host": ["ghcr.io", "registry.example.com", "123456789012.dkr.ecr.eu-west-1.amazonaws.com"],
    "repo": ["ghcr.io/proompteng/agents", "registry:5000/vault-token", "docker.io/library/nginx"],
    "uid": ["4f1c0e4a-0c3b-4f60-9d35-3f2ad7f7a9f1", "a1b2c3d4-e5f6-4789-8abc-def012345678"],
    "sha": [SHA, SHA[::-1], SHA[13:] + SHA[:13]],
    "n": ["1", "2", "3", "5", "7"],
    "d": ["1", "2", "3", "4"],
    "s": ["1", "4", "5", "10", "36"],
}


def messages(count: int = 1000) -> list[str]:
    """``count`` different messages, each template as often as any other."""
    pick = random.Random(8)
    found: dict[str, None] = {}
    for template in itertools.cycle(TEMPLATES.strip().splitlines()):
        filling = {key: pick.choice(values) for key, values in FILLINGS.items()}
        tag = pick.choice([":1.2.3", ":v0.9.1-rc.2", "@sha256:" + filling["sha"]])
        pod = f"{filling['name']}-7d9f8b6c5-{pick.choice(['x2x9z', 'k4q7m', 'zz2lp'])}"
        found[template.format(**filling, image=filling["repo"] + tag, pod=pod)] = None
        if "{" not in re.sub(r"\{\{|\}\}", "", template):
            found.setdefault(f"{pod}: {template}")
        if len(found) >= count:
            return list(found)[:count]
    raise AssertionError("no templates")
