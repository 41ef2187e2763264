"""Which form a text is in; what is said of a text in none; which version it describes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import qmpconf
from qmpconf.errors import InputError
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.detect import form_of
from qmpconf.schema.documents.landmarks import version_of
from qmpconf.schema.documents.rules import RULES
from tests.schema.documents import samples


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (samples.PLAIN, "qmp-commands.txt"),
        (samples.barred(samples.PLAIN), "qmp-commands.txt"),
        (samples.collapsed(samples.PLAIN), "qmp-commands.txt, white space collapsed"),
        (samples.hx(), "qmp-commands.hx"),
        (samples.barred(samples.hx()), "qmp-commands.hx, bars"),
        (samples.blamed(samples.hx()), "qmp-commands.hx, blame"),
    ],
)
def test_the_form_is_told(text: str, form: str) -> None:
    assert compile_document(text).catalog.source.form == form


def test_no_known_form_names_what_is_there_and_what_is_not() -> None:
    with pytest.raises(InputError) as error:
        form_of("A letter.\n\nArguments: many.\n")
    message = str(error.value)
    assert "recognised: 'Arguments:'" in message
    assert "not found: " in message
    assert "a heading underlined with '-'" in message
    assert "qmp-commands.hx" in message


@pytest.mark.parametrize(
    ("text", "words"), [("", "empty"), ("  \n", "empty"), ("a\0b", "not text")]
)
def test_what_is_no_document_at_all(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        compile_document(text)


def test_a_document_without_a_command_is_refused() -> None:
    text = 'Lamps and more\n--------------\n\nNothing.\n\n-> {"a": 1}\n'
    with pytest.raises(InputError, match=r"no section describes a command.*'Lamps and more'"):
        compile_document(text)


def test_half_a_document_is_compiled_as_far_as_it_goes() -> None:
    text = samples.PLAIN[: samples.PLAIN.index("query-rooms") - 5]
    cut = text[: text.rindex('"age": 7')]
    compilation = compile_document(cut)
    assert "query-lamps" in compilation.catalog.commands
    assert "query-lamps.return.plug" in compilation.catalog.types


@pytest.mark.parametrize(
    ("text", "entries", "version"),
    [
        ("qemu-common-1.6.2-10.fc20", {"query-status.return.status"}, "1.6.2"),
        ("", {"stop", "query-status.return.status"}, "1.0-dev"),
        ("", {"stop", "query-status.return.status", "query-block.return.io-status"}, "1.0"),
        ("", {"stop", "transaction", "block_set_io_throttle"}, "1.1-dev"),
        ("", {"x-colo-lost-heartbeat", "eject.arguments.id"}, "2.9-dev"),
        ("", {"lamp"}, ""),
    ],
)
def test_the_version_is_read_from_what_is_described(
    text: str, entries: set[str], version: str
) -> None:
    assert version_of(text, entries) == version


def test_the_name_is_made_of_the_version_unless_given() -> None:
    assert compile_document(samples.PLAIN).catalog.name == "qemu-doc"
    assert compile_document(samples.PLAIN, "mine").catalog.name == "mine"
    assert compile_document("qemu-common-1.2.3-1\n\n" + samples.PLAIN).catalog.name == (
        "qemu-1.2.3-doc"
    )


def test_every_rule_is_explained() -> None:
    package = Path(qmpconf.__file__).parent
    found: set[str] = set()
    for path in (*package.glob("schema/documents/*.py"), *package.glob("check/audit*.py")):
        text = path.read_text()
        found |= set(re.findall(r'"(?:document\.)?((?:example|[a-z-]+)\.[a-z-]+)"', text))
        found |= {
            f"args-type.{one}" for one in re.findall(r'_find\(\s*builder,\s*"([a-z]+)"', text)
        }
    used = {rule for rule in found if rule in RULES or rule.split(".")[0] in _KINDS}
    assert used == set(RULES)


_KINDS = {rule.split(".")[0] for rule in RULES}
