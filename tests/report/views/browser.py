"""A headless Chromium for the tests of pages, driven through chromedriver; nothing is fetched.

Tests that ask for it are skipped where Chromium, chromedriver or selenium is missing, unless
``QMPCONF_REQUIRE_REAL`` is set.
"""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

#: What a page does wrong, as its own document sees it: kept from before its first byte is read.
_WATCH = """
window.bad = [];
addEventListener("error", (one) => window.bad.push(`error: ${one.message}`), true);
addEventListener("unhandledrejection", (one) => window.bad.push(`rejected: ${one.reason}`));
addEventListener("securitypolicyviolation", (one) =>
  window.bad.push(`policy: ${one.violatedDirective} ${one.blockedURI}`));
"""

_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage"
)


class Browser:
    """One Chromium with one page at a time."""

    def __init__(self, profile: Path) -> None:
        programs = [_program("chromium", "chromium-browser", "google-chrome")]
        programs.append(_program("chromedriver"))
        webdriver = self._webdriver = _selenium()
        options = webdriver.ChromeOptions()
        options.binary_location = programs[0]
        for flag in _FLAGS.split():
            options.add_argument(flag)
        options.add_argument(f"--user-data-dir={profile}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(programs[1])
        self.driver = webdriver.Chrome(options=options, service=service)
        self.devtools("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Give a command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, parameters)

    def open(
        self,
        path: Path,
        fragment: str = "",
        width: int = 1280,
        scheme: str = "light",
        height: int = 900,
    ) -> None:
        """Load a file in a window of `width` by `height` pixels."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.medium("screen", scheme)
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get(f"{path.as_uri()}{fragment}")

    def medium(self, name: str, scheme: str = "light") -> None:
        """Show the page on screen or in print, in light or dark colours, without motion."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.devtools("Emulation.setEmulatedMedia", media=name, features=features)

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script gives that is run in the page; the page's policy does not bind it."""
        return self.driver.execute_script(script, *arguments)

    def keys(self, text: str) -> None:
        """Type, wherever the focus is."""
        self._webdriver.ActionChains(self.driver).send_keys(text).perform()

    def texts(self, selector: str) -> list[str]:
        """The text of each element that is shown."""
        return self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter((one) => one.checkVisibility()).map((one) => one.textContent.trim())",
            selector,
        )

    @property
    def faults(self) -> list[str]:
        """Errors, refused loads and the console's complaints since the page was opened."""
        console = [str(one["message"]) for one in self.driver.get_log("browser")]
        return self.run("return window.bad") + console

    @property
    def loaded(self) -> list[str]:
        """Addresses of everything that the page has loaded beside itself."""
        return self.run("return performance.getEntriesByType('resource').map((one) => one.name)")

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return self.run(
            "const one = document.documentElement; return one.scrollWidth - one.clientWidth"
        )

    def quit(self) -> None:
        self.driver.quit()


def _program(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    return found or _missing(f"there is no {names[0]} on PATH")


def _selenium() -> Any:
    try:
        return importlib.import_module("selenium.webdriver")
    except ImportError as error:
        return _missing(str(error))


def _missing(why: str) -> str:
    policy = os.environ.get("QMPCONF_REQUIRE_REAL", "")
    if policy:
        pytest.fail(f"QMPCONF_REQUIRE_REAL={policy}: {why}", pytrace=False)
    pytest.skip(why)
