"""Pages as Chromium shows them, over its debugging pipe: layout, console, screenshots, PDF. No driver is needed.

python -m tests.support.chromium PAGE PNG takes the picture of docs/figures: the top of a report, 1100 x 1375 pixels.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.support import browser

LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for place, end in zip((3, 4), ends):  # where Chromium looks for its pipe
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""
TOO_WIDE = """
JSON.stringify([...document.querySelectorAll("body *")].filter(one => {
  const box = one.getBoundingClientRect();
  const scrolls = box.width && one.closest("svg") === null && getComputedStyle(one).overflowX === "visible"
    && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0;
  const inside = one.parentElement.closest(".scroll, pre");
  const held = inside && getComputedStyle(inside).overflowX !== "visible";
  return !held && (scrolls || box.right > document.documentElement.clientWidth + 1);
}).map(one => one.tagName + "." + one.getAttribute("class") + ": " + one.textContent.trim().slice(0, 60)))
"""


class Chromium:
    """One headless browser with one tab; leaving the block ends it.

    Raises:
        pytest.fail.Exception: there is no browser, and CI is set.
        pytest.skip.Exception: there is none.
    """

    def __enter__(self) -> "Chromium":
        program = browser.program() or browser.fail_or_skip()
        self._stack = ExitStack()
        profile = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True))
        to_child, self._out = os.pipe()
        self._in, from_child = os.pipe()
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe")
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(to_child), str(from_child), program, *flags,
             f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_child, from_child), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_child)
        os.close(from_child)
        self._stack.callback(self._stop)
        self._number, self._session, self._rest, self._events = 0, None, b"", []
        (target,) = [one for one in self.ask("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        self._session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol and return its result."""
        self._number += 1
        call = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            call["sessionId"] = self._session
        os.write(self._out, json.dumps(call).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self._events.append(message)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._in, 2**20)
            assert part, "Chromium has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def open(self, page: Path, width: int, scheme: str = "light", media: str = "screen", height: int = 900) -> None:
        """Show a page in a window of `width` CSS pixels, in the colour scheme light or dark."""
        self._events.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme_feature = {"name": "prefers-color-scheme", "value": scheme}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[scheme_feature])
        went = self.ask("Page.navigate", url=page.resolve().as_uri())
        assert "errorText" not in went, f"{page}: {went['errorText']}"
        while not any(one.get("method") == "Page.loadEventFired" for one in self._events):
            self._events.append(self._next())

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def too_wide(self) -> list[str]:
        """Return what sticks out of the page, unless it is in a box that scrolls by itself."""
        return json.loads(self.evaluate(TOO_WIDE))

    def complaints(self) -> list[str]:
        """Return what the page has written to the console, and exceptions."""
        self.evaluate("0")
        methods = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(one["params"]) for one in self._events if one.get("method") in methods]

    def screenshot(self, file: Path, whole: bool = True) -> None:
        """Save the page as PNG, all of it or the window."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        if whole:
            size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
            shot = self.ask(
                "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=size | {"scale": 1}
            )
        file.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self) -> bytes:
        """Print the page on A4."""
        options = {"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": True, "printBackground": False}
        return base64.b64decode(self.ask("Page.printToPDF", **options)["data"])


def main() -> None:
    """Take a picture of the top of a page."""
    page, png = map(Path, sys.argv[1:])
    with Chromium() as chromium:
        chromium.open(page, width=1100, height=1375)
        chromium.screenshot(png, whole=False)


if __name__ == "__main__":
    main()
