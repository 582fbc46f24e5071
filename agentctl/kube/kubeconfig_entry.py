"""A cluster, user or context of a kubeconfig file, read field by field."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from typing import Any

from agentctl.errors import ConfigError
from agentctl.lazy_dataclass import dataclass, replace
from agentctl.lazy_regex import regex

_BASE64 = regex(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII)


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
        if value is not None and not isinstance(value, bool):
            raise ConfigError(f"{self.what}: {key} must be true or false, without quotes")
        return bool(value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self.values.get(key)
        if value is not None and not isinstance(value, dict):
            raise ConfigError(f"{self.what}: {key} must be a mapping")
        return value or {}

    def texts(self, key: str) -> list[str]:
        """A list; null in it is empty text, as in Go."""
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(
            isinstance(one, (str, type(None))) for one in value
        ):
            raise ConfigError(f"{self.what}: {key} must be a list of texts; put them in quotes")
        return [one or "" for one in value]

    def text_lists(self, key: str) -> dict[str, list[str]]:
        """A mapping to lists."""
        inner = replace(self, what=f"{self.what}: {key}", values=self.mapping(key))
        return {name: inner.texts(name) for name in inner.values}

    def file(self, key: str) -> str:
        """A path, made absolute; ConfigError if there is nothing to read there."""
        name = self.text(key)
        if not name:
            return ""
        path = os.path.join(os.path.dirname(os.path.abspath(self.path)), name)
        if not os.path.isfile(path):
            what = "is no file" if os.path.exists(path) else "does not exist"
            raise ConfigError(f"{self.what}: {key} names {path}, which {what}")
        if not os.access(path, os.R_OK):
            raise ConfigError(f"{self.what}: {key} names {path}, which we may not read")
        return path

    def data(self, key: str) -> bytes:
        """What a text of base64 stands for; line breaks in it are passed over, as in Go."""
        encoded = self.text(key).replace("\n", "").replace("\r", "")
        if not _BASE64.fullmatch(encoded):
            raise ConfigError(f"{self.what}: {key} is not base64; copy it again")
        return base64.b64decode(encoded)

    def pem(self, key: str, checked: bool = True) -> str:
        """PEM text from base64; what is not ASCII in it, a comment, is a question mark."""
        decoded = self.data(key).decode("ascii", "replace").replace("\ufffd", "?")
        if checked and decoded and "-----BEGIN" not in decoded:
            raise ConfigError(f"{self.what}: {key} holds no PEM block; copy it again")
        return decoded
