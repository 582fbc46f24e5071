"""Draws the pictures of the README from one round of the demo, as its user would see it.

``docs/live.svg`` is a frame of ``agentctl demo --live`` in a terminal of its own, the one
with the most to be seen; ``docs/timeline.svg`` is what ``agentctl timeline`` makes of the
same run's recording. Run it as python tools/pictures.py; it takes half a minute.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

COLUMNS, LINES = 142, 14
ROUND = "31s"
"""The demo's script, once."""

CHARACTER, LEADING, EDGE = 7.8, 19, 16
"""Pixels: how wide and how high a character is, and what is around all of them."""

LINE = re.compile(r"\x1b\[(\d+)H\x1b\[2K((?:\x1b\[[\d;]*m|[^\x1b])*)")
DRESS = re.compile(r"\x1b\[([\d;]*)m")
PART = re.compile(r"\S+(?: \S+)*")
"""What is between wide gaps."""

CLASSES = {
    "1": "bold", "2": "dim", "31": "error", "32": "healthy", "33": "degraded",
    "35": "unknown", "36": "configured", "1;31": "alarm",
}  # fmt: skip
"""Of the board's escape sequences."""

STYLE = """\
rect { fill: #0d1117; }
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  fill: #e6edf3; }
.bold { font-weight: bold; }
.dim { fill: #9198a1; }
.healthy { fill: #3fb950; }
.configured { fill: #58b4d6; }
.unknown { fill: #a371f7; }
.degraded { fill: #e3a02e; }
.error { fill: #f85149; }
.alarm { fill: #f85149; font-weight: bold; }"""


class Text(NamedTuple):
    """Text of a line, and how it is dressed."""

    text: str
    kind: str


def frames(said: str) -> Iterator[list[list[Text]]]:
    """Each frame that a screen was given (``agentctl.live.screen``), as lines of texts."""
    frame: list[list[Text]] = []
    for row, body in LINE.findall(said):
        if row == "1" and frame:
            yield frame
            frame = []
        frame.append(list(_texts(body)))
    if frame:
        yield frame


def _texts(body: str) -> Iterator[Text]:
    kind = ""
    for number, part in enumerate(DRESS.split(body)):
        if number % 2:
            kind = CLASSES.get(part, "")
        elif part:
            yield Text(part, kind)


def fullest(found: Sequence[list[list[Text]]]) -> list[list[Text]]:
    """The frame with the most kinds of status, of those the last with the most that is bad."""

    def worth(frame: list[list[Text]]) -> tuple[int, int]:
        kinds = [text.kind for line in frame for text in line]
        return len(set(kinds)), sum(kind in ("degraded", "error") for kind in kinds)

    return max(reversed(found), key=worth)


def still(frame: Sequence[Sequence[Text]], title: str) -> str:
    """The frame as an SVG that needs nothing else."""
    width, height = round(COLUMNS * CHARACTER + 2 * EDGE), len(frame) * LEADING + 2 * EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{STYLE}\n</style>",
        f'<rect width="{width}" height="{height}" rx="8"/>',
    ]
    for row, line in enumerate(frame):
        column = 0
        for text, kind in line:
            for part in PART.finditer(text):
                x = EDGE + (column + part.start()) * CHARACTER
                y = EDGE + row * LEADING + 14
                # Its length keeps the columns whatever font there is.
                parts.append(
                    f'<text x="{x:g}" y="{y}" textLength="{len(part[0]) * CHARACTER:g}" '
                    f'lengthAdjust="spacingAndGlyphs"{_class(kind)}>{escape(part[0])}</text>'
                )
            column += len(text)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def seen(arguments: Sequence[str]) -> str:
    """All that agentctl writes to a terminal of its own until it ends."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "agentctl", *arguments],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": ""},
        stdin=slave,
        stdout=slave,
        stderr=subprocess.DEVNULL,
    )
    os.close(slave)
    said = b""
    try:
        while chunk := os.read(master, 1 << 16):
            said += chunk
    except OSError:  # what a terminal says when nobody has it any more
        pass
    os.close(master)
    process.wait()
    return said.decode("utf-8")


def main(lasts: str = ROUND, out: Path = DOCS) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recording = str(Path(folder) / "demo.ndjson")
        said = seen(["demo", "--live", "--timeout", lasts, "--record", recording])
        picture = still(fullest(list(frames(said))), "agentctl status watch --live")
        (out / "live.svg").write_text(picture, encoding="utf-8")
        drawn = ["timeline", recording, "--svg", str(out / "timeline.svg")]
        subprocess.run([sys.executable, "-m", "agentctl", *drawn], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
