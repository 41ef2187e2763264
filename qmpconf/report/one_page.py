"""What every HTML page of the project is made of: one file that needs nothing else.

Values in a page are hostile: all go through jinja2's autoescape.  The page's own policy lets nothing run but the
one script whose digest it names, so that even a hole would be no more than a blemish.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def environment(package: str, finalize: Callable[[Any], Any]) -> Environment:
    """What renders the templates of `package`; each value goes through `finalize` first."""
    return Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def asset(package: str, name: str) -> Markup:
    """The text of a file beside the templates; it is the project's own, and stands as it is."""
    return Markup(files(package).joinpath("templates", name).read_text("utf-8"))  # noqa: S704


def style(package: str) -> Markup:
    """The style of a page: what all pages share, and behind that the page's own."""
    return asset("qmpconf.report", "base.css") + asset(package, "style.css")


def policy(css: str, script: str) -> str:
    """The page's Content-Security-Policy: that style and that script, and nothing from anywhere else."""
    return (
        f"default-src 'none'; style-src {_digest(css)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
