"""Redaction of hostile texts: each character is matched a fixed number of times, however long."""

from __future__ import annotations

from typing import Any

import pytest

from agentctl.redact import arguments, credentials, elements, known_secrets, pairs, values
from agentctl.redact.patterns import pattern

ATOMS = [
    '="value',
    "='value",
    "value=[",
    "value=[a]b",
    "value=\"x\"'y'",
    'value="value=\'"\'"',
    "digest A=<",
    "sig=<Basic ",
    'digest a="digest b=',
    "bearer a=b, ",
    '("cookie","x"a',
    '--password,"x"a,',
    "login x password 'a'b",
    "name: token value: x",
    'a="b" c=\\"d\\" ',
    "token: token ",
]


class Counted:
    """A pattern that counts how many characters its matches take."""

    taken = 0

    def __init__(self, name: str) -> None:
        self._pattern = pattern(name)

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._pattern, method)
        if method not in ("match", "fullmatch"):
            return call

        def counted(text: str, *places: int) -> Any:
            found = call(text, *places)
            Counted.taken += 0 if found is None else found.end() - found.start()
            return found

        return counted


@pytest.mark.parametrize("atom", ATOMS)
def test_a_hostile_text_is_matched_a_fixed_number_of_times(
    atom: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (arguments, credentials, elements, pairs, values):
        monkeypatch.setattr(module, "pattern", Counted)
    for size in (1_000, 16_000):
        Counted.taken = 0
        text = (atom * (size // len(atom) + 1))[:size]
        known_secrets.replace_secrets(text, lambda text: False)
        assert Counted.taken < 16 * size
