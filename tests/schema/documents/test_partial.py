"""A fragment is told from a whole document by what it says itself."""

from __future__ import annotations

import pytest

from qmpconf.schema import store
from qmpconf.schema.documents.compiler import compile_document

EVERYWHERE = ("qmp_capabilities", "query-commands", "query-version", "quit")


def document(*names: str, listed: tuple[str, ...] = ("quit",)) -> str:
    """A document with a section for each of some commands; one of them lists commands."""
    text = "Supported Commands\n------------------\n\n"
    for name in names:
        reply = "{}"
        if name == "query-commands":
            text += f"{name}\n{'-' * len(name)}\n\nList.\n\nThe returned value is a json-array.\n\n"
            reply = "[ " + ", ".join(f'{{ "name": "{one}" }}' for one in listed) + " ]"
        else:
            text += f"{name}\n{'-' * len(name)}\n\nDo it.\n\n"
        text += f'Example:\n\n-> {{ "execute": "{name}" }}\n<- {{ "return": {reply} }}\n\n'
    return text


def why(*names: str, listed: tuple[str, ...] = ("quit",)) -> str:
    return compile_document(document(*names, listed=listed)).catalog.source.partial


def test_a_whole_document_is_none() -> None:
    assert why(*EVERYWHERE) == ""
    assert why(*EVERYWHERE, "stop", listed=("quit", "stop")) == ""


def test_a_document_that_lists_what_it_does_not_describe() -> None:
    assert why(*EVERYWHERE, listed=("quit", "stop", "cont", "balloon")) == (
        "it leaves out stop, cont and balloon, which its example of query-commands lists"
    )


@pytest.mark.parametrize("absent", EVERYWHERE)
def test_a_document_without_what_every_server_has(absent: str) -> None:
    names = [one for one in EVERYWHERE if one != absent]
    assert why(*names, listed=()) == f"it leaves out {absent}, which every QMP server has"


def test_of_the_shipped_documents_one_is_a_fragment() -> None:
    found = {name: store.source_of(name).partial for name in store.shipped()}
    assert {name: text for name, text in found.items() if text} == {
        "qemu-2.9-dev-doc": "it leaves out query-balloon and system_powerdown, which its example of "
        "query-commands lists"
    }
