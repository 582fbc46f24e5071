"""The status page's script under node, without a document: what stands before its view."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

WORLD = Path(__file__).parent / "page_world.js"
PATIENCE_S = 60

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")

PROLOGUE = """
const { page, World, answerOf, open, readerIn } = require(%s);
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
(async () => {
"""

EPILOGUE = """
})().then((found) => process.stdout.write(JSON.stringify(found)),
  (error) => { console.error(error); process.exitCode = 1; });
"""


def node(script: str, given: Any = None) -> Any:
    """What the script, the body of an async function, returns; ``given`` and ``page`` are there."""
    code = PROLOGUE % json.dumps(str(WORLD)) + script + EPILOGUE
    done = subprocess.run(
        ["node", "-e", code],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
