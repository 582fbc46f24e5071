"""Every family of tokens whose form is public is known, and none is seen where none is."""

from __future__ import annotations

import random
import re

import pytest
from kubernetes_messages import messages

from agentctl.redact import MARK, redact
from agentctl.redact.families import FAMILIES, PREFIXED, UUID, WITHIN, Family
from agentctl.redact.text import is_suspect

UPPER, LOWER, DIGITS, HEX = (
    "ABCDEFGHJKMNPQRSTUVWXYZ",
    "bcdfghjkmnpqrstvwxyz",
    "23456789",
    "0a1b2c3d",
)
LETTERS = {"hex": HEX, "upper": UPPER + DIGITS, "upper-": UPPER + "-", "hex-": HEX + "-"}
FRAMES = ["{}", "got {} there", '{{"x":"{}"}}', "a={};b", "({}), x", "https://h/{}?x=1"]


def token(family: Family) -> str:
    """One as its issuer might make it, the same on each run."""
    pick = random.Random(family.name)

    def some(count: int, letters: str = UPPER + LOWER + DIGITS) -> str:
        return "".join(pick.choice(letters) for _ in range(count))

    count = family.least + 8
    if family.alphabet == "uuid":
        return family.prefix + "-".join(some(n, HEX) for n in (8, 4, 4, 4, 12))
    if family.alphabet in LETTERS:
        return family.prefix + some(count, LETTERS[family.alphabet]) + LETTERS[family.alphabet][0]
    body = "A1" + some(count)
    if family.alphabet == "fcm":
        body = some(7) + ":" + body
    if family.alphabet == "flyio":
        body = "r_" + body
    return family.prefix + body


INFIXED = {
    "airtable_personal": "pat" + "a1B2c3D4e5F6g7." + HEX * 8,
    "asana": "1/1200000000001:" + HEX * 4,
    "authress": "sc_abcde12345.ab12.acc_abcdef12345." + "A1b2" * 10,
    "azure_entra_secret": "abc8Q~" + "A1b2C3d4" * 4,
    "azure_identifiable": "A1b2C3d4" * 6 + "AzFu" + "A1b2C3d4" + "==",
    "azure_with_a_sign": "A1b2C3d4" * 9 + "+ASt" + "A1b2C3d4" + "==",
    "azure_newer_key": "A1b2" * 13 + "JQQJ99" + "A1b2C3d4" * 3,
    "checkout": "sk_0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d0a1b",
    "coveo": "xx0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d0a1b",
    "discord_bot": "MTA1A1b2C3d4A1b2C3d4A1b2." + "Gx1Y2z." + "A1b2C3d4" * 4,
    "harness": "pat." + "A1b2C3d4e5" * 2 + "zz." + "A1b2C3d4" * 3 + "." + "A1b2C" * 4,
    "mailchimp": HEX * 4 + "-us12",
    "mailgun_newer": HEX * 4 + "-0a1b2c3d-0a1b2c3d",
    "maxmind": "A1b2C3_" + "A1b2C" * 5 + "A1b2_mmk",
    "new_relic_license": HEX * 4 + "FFFFNRAL",
    "salesforce_access": "00D" + "A1b2C3d4e5F6" + "!" + "A1b2C3d4" * 6,
    "tableau": "A1b2C3d4e5F6A1b2C3d4e5==:" + "A1b2C3d4" * 4,
    "telegram_bot": "1234567890:AA" + "A1b2C3d4" * 4 + "x",
    "terraform_cloud": "A1b2C3d4e5F6g7.atlasv1." + "A1b2C3d4" * 8,
    "zoho": "1000." + HEX * 4 + "." + HEX * 4,
}


def test_every_line_names_a_family_of_its_own() -> None:
    names = [family.name for family in FAMILIES] + list(INFIXED)
    assert len(set(names)) == len(names) == len(PREFIXED.split("\n")) + len(INFIXED) - 2
    assert len(names) >= 250
    assert set(INFIXED) == {line.split()[0] for line in WITHIN.splitlines() if line}
    assert re.fullmatch(UUID, "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d0a1b")


ALL = {family.name: token(family) for family in FAMILIES} | INFIXED


@pytest.mark.parametrize("frame", FRAMES)
def test_a_token_goes_whole_wherever_it_stands(frame: str) -> None:
    for one in ALL.values():
        text = frame.format(one)
        assert is_suspect(text), text
        found = redact(text)
        assert MARK in found, text
        left = found.replace(MARK, "")
        assert one[-6:] not in left, text
        assert one[6:12] not in left, text
        assert redact(found) == found


NAMES = {family.prefix.strip("-_./~").lower() for family in FAMILIES}
PREFIXES = sorted(name for name in NAMES if not re.search(r"[:+|]|//", name))


def test_a_name_that_begins_as_a_token_stays() -> None:
    """As names of objects, of settings and of metrics go on."""
    assert len(PREFIXES) > 300
    for prefix in PREFIXES:
        for text in (
            f"{prefix}-controller-7d9f8b6c5-x2x9z is ready",
            f"{prefix}-worker-pool-node-selector-0.{prefix}.svc.cluster.local is ready",
            f"{prefix}_config_registry_request_duration_seconds is not set",
            f"{prefix.upper()}_CONFIG_REGISTRY_URL is not set",
        ):
            assert redact(text) == text


def test_of_a_thousand_messages_no_more_than_six_are_changed() -> None:
    changed = [text for text in messages() if redact(text) != text]
    assert len(changed) <= 6, changed
    # These are what controllers log as secret=NAME, which a secret may be written like.
    assert all(" secret=" in text for text in changed)
