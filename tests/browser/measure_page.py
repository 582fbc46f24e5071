"""Measures the status page under load: python -m tests.browser.measure_page [SECONDS].

1,000 components, 50 changes a second, in a headless Chromium whose page is visible: how busy its
main thread is, what its heap is after a collection each minute, and how soon it shows something.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser.chromium import Browser, Tab
from tests.browser.page_rig import ROWS, LiveSite, component

COMPONENTS, CHANGES = 1000, 50
EVERY_S = 0.1
STATUSES = ("healthy", "degraded", "error", "unknown", "configured")

TIMES = """
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (entry.name == 'first-contentful-paint')
    window.painted = entry.startTime;
}).observe({ type: 'paint', buffered: true });
new MutationObserver((_, self) => {
  if (!document.querySelector('#groups li.row')) return;
  self.disconnect();
  window.rowsAt = performance.now();
  requestAnimationFrame(() => setTimeout(() => (window.rowsPainted = performance.now())));
}).observe(document, { childList: true, subtree: true });
const plain = window.fetch;
window.fetch = (...given) => plain(...given).then((answer) => {
  if (String(given[0]).includes('/stream')) window.answeredAt ??= performance.now();
  return answer;
});
"""


@contextmanager
def changing(site: LiveSite) -> Iterator[None]:
    """Each tenth of a second so many components become something else."""
    rng, ended = random.Random(16), threading.Event()
    items = [component(f"component-{number}") for number in range(COMPONENTS)]

    def change() -> None:
        while not ended.wait(EVERY_S):
            for number in rng.sample(range(COMPONENTS), round(CHANGES * EVERY_S)):
                status = rng.choice(STATUSES)
                message = "" if status == "healthy" else f"{rng.randrange(9)}/9 ready"
                items[number] = component(f"component-{number}", status, message)
            site.replica.publish(*items)

    site.replica.begin(*items)
    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def metrics(tab: Tab) -> dict[str, float]:
    return {one["name"]: one["value"] for one in tab.call("Performance.getMetrics")["metrics"]}


def main(seconds: float) -> None:
    profile = tempfile.mkdtemp()
    browser = Browser(Path(profile), "about:blank")
    with browser, LiveSite(quick=False) as site, changing(site):
        tab = browser.tab()
        tab.resize(1920, 1080)
        tab.call("Performance.enable", timeDomain="threadTicks")
        tab.before_scripts(TIMES)
        for visit in range(3):
            tab.go(site.url())
            tab.wait_for(f"{ROWS}.length == {COMPONENTS} && window.rowsPainted > 0")
            answered = "performance.getEntriesByType('navigation')[0].responseStart"
            first = tab.evaluate(f"window.painted - {answered}")
            rows = tab.evaluate("window.rowsPainted - window.answeredAt")
            print(
                f"visit {visit + 1}: first content {first:.0f} ms after the page's response, "
                f"{COMPONENTS} rows painted {rows:.0f} ms after the stream's"
            )
        time.sleep(3)
        before, begun = metrics(tab), time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            time.sleep(min(60.0, seconds - passed))
            tab.call("HeapProfiler.collectGarbage")
            now, lasted = metrics(tab), time.monotonic() - begun
            busy = (now["TaskDuration"] - before["TaskDuration"]) / lasted
            parts = {
                name: round(100 * (now[name] - before[name]) / lasted, 1)
                for name in ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
            }
            print(
                f"{lasted:4.0f} s: main thread {busy:.1%} busy {parts}, "
                f"heap {now['JSHeapUsedSize'] / 1e6:.1f} MB, {now['Nodes']:.0f} nodes",
                flush=True,
            )
    shutil.rmtree(profile, ignore_errors=True)  # the browser may still write


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0)
