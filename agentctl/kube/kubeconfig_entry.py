"""A cluster, user or context of a kubeconfig file, read field by field."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentctl.errors import ConfigError


@dataclass(frozen=True)
class KubeconfigEntry:
    """A cluster, user or context, and the file that relative paths in it start from."""

    what: str
    """For messages: ``/home/me/.kube/config: user "admin"``."""
    path: str
    values: Mapping[str, Any]

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ConfigError(f"{self.what}: {key} must be text; put it in quotes")
        return value

    def flag(self, key: str) -> bool:
        value = self.values.get(key)
        if value not in (None, True, False):
            raise ConfigError(f"{self.what}: {key} must be true or false")
        return bool(value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Texts to values; ConfigError for anything else."""
        value = self.values.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value):
            raise ConfigError(f"{self.what}: {key} must be a mapping of texts")
        return value

    def texts(self, key: str, value: Any) -> list[str]:
        """What stands at ``key`` as a list of texts; null is empty text, as in Go."""
        if value is None:
            return []
        if not isinstance(value, list) or not all(
            one is None or isinstance(one, str) for one in value
        ):
            raise ConfigError(f"{self.what}: {key} must be a list of texts; put them in quotes")
        return [one or "" for one in value]

    def file(self, key: str) -> str:
        """A path, made absolute; ConfigError if there is nothing to read there."""
        name = self.text(key)
        if not name:
            return ""
        path = os.path.join(os.path.dirname(os.path.abspath(self.path)), name)
        if not os.path.isfile(path):
            raise ConfigError(f"{self.what}: {key} names {path}, which does not exist")
        if not os.access(path, os.R_OK):
            raise ConfigError(f"{self.what}: {key} names {path}, which we may not read")
        return path

    def pem(self, key: str) -> str:
        """PEM text from base64; ConfigError if it is either not."""
        encoded = "".join(self.text(key).split())
        try:
            decoded = base64.b64decode(encoded, validate=True).decode("ascii")
        except (binascii.Error, ValueError) as error:
            raise ConfigError(f"{self.what}: {key} is not base64; copy it again") from error
        if decoded and "-----BEGIN" not in decoded:
            raise ConfigError(f"{self.what}: {key} holds no PEM block; copy it again")
        return decoded
