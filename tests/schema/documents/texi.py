"""Small manuals in the layout that came from Texinfo, as each program sets them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape


@dataclass(frozen=True)
class Item:
    """A member or value: what stands before its text, ``NAME: TYPE`` and what follows."""

    tag: str
    more: str = ""
    text: str = "Not documented"
    condition: str = ""


@dataclass(frozen=True)
class Entry:
    """A definition; `items` by label, `said` are labels with a word behind."""

    kind: str
    name: str
    items: Mapping[str, Sequence[Item]] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    shown: str = ""
    text: str = "It is about lamps."


def text(entries: Sequence[Entry], quotes: str = "''", top: str = "QEMU QMP reference") -> str:
    """What ``makeinfo --plaintext`` prints."""
    rows = [top, "*" * len(top), "", "1 API", "*****", ""]
    for one in entries:
        rows += [f" -- {one.kind}: {one.name}", "", f"     {one.text}", ""]
        for label, items in one.items.items():
            rows.append(f"     {label}:")
            for item in items:
                named = item.tag if item.tag.startswith("The members") else item.tag.join(quotes)
                rows += [f"     {named}{item.more}", f"          {item.text}"]
                if item.condition:
                    rows[-1] += f" If: {item.condition.join(quotes)}"
            rows.append("")
        for label, said in one.said.items():
            rows += [f"     {label}: {said}", ""]
        if one.shown:
            rows += ["     Example:", *(" " * 10 + row for row in one.shown.split("\n")), ""]
    return "\n".join(rows)


def info(entries: Sequence[Entry], top: str = "QEMU QMP reference") -> str:
    """What ``makeinfo`` writes as an Info file."""
    head = "This is lamps.info, produced by makeinfo.\n\n\x1f\nFile: lamps.info,  Node: Top,  Up: (dir)\n\n"
    menu = "* Menu:\n\n* API Reference::\n\n\x1f\nFile: lamps.info,  Node: API Reference,  Prev: Top\n\n"
    tail = "\n\x1f\nTag Table:\nNode: Top\x7f12\n\x1f\nEnd Tag Table\n"
    return head + menu + text(entries, "\u2018\u2019", top) + tail


def roff(entries: Sequence[Entry], top: str = "QEMU QMP reference") -> str:
    """What ``texi2pod`` and ``pod2man`` write."""
    rows = ['.TH QMP 7 "2020-01-02" " " " "', '.SH "NAME"', rf"lamps \- {top}", '.SH "API"']
    for one in entries:
        head = rf"\&\fB{_roff(one.name)}\fR {' ' * (one.kind == 'Command')}({one.kind})"
        rows += [head, *([] if one.kind == "Command" else [".PP"]), one.text]
        for label, items in one.items.items():
            rows += [".PP", rf"\&\fB{label}:\fR"]
            for item in items:
                named = item.tag if item.tag.startswith("The members") else f'"{item.tag}"'
                tag = f"{named}{item.more}".replace("'", '"').replace('"', '""')
                rows += [f'.ie n .IP "{_roff(tag)}" 4', f'.el .IP "\\f(CW{_roff(item.tag)}\\fR" 4']
                rows += [item.text]
                if item.condition:
                    rows += [rf"\&\fBIf:\fR \f(CW\*(C`{item.condition}\*(C'\fR"]
        for label, said in one.said.items():
            rows += [".PP", rf"\&\fB{label}:\fR", rf"\&{_roff(said)}"]
        if one.shown:
            rows += [".PP", r"\&\fBExample:\fR", ".PP", ".Vb 2"]
            rows += [rf"\&        {_roff(row)}" for row in one.shown.split("\n")]
            rows += [".Ve"]
        rows.append(".PP")
    return "\n".join(rows) + "\n"


def html(entries: Sequence[Entry], top: str = "QEMU QMP reference") -> str:
    """What ``makeinfo --html`` writes."""
    rows = ["<!DOCTYPE html>", "<html>", f"<head>\n<title>{top}</title>\n</head>", "<body>"]
    rows += [
        '<div class="header"><p>Next: <a href="#x">API</a></p></div>',
        '<h2 class="chapter">1 API</h2>',
    ]
    for one in entries:
        rows += [
            '<dl class="def">',
            f'<dt id="{one.name}"><span class="category">{one.kind}: </span>',
        ]
        rows += [f"<span><strong>{one.name}</strong></span></dt>", f"<dd>\n<p>{one.text}\n</p>"]
        for label, items in one.items.items():
            rows += [f"<p><b>{label}:</b>", '</p><dl compact="compact">']
            for item in items:
                named = item.tag if item.tag.startswith("The members") else f"'{item.tag}'"
                rows += [
                    f"<dt><span>{_marked(named + item.more)}</span></dt>",
                    f"<dd><p>{item.text}",
                ]
                if item.condition:
                    rows[-1] += f" <b>If:</b> <code>{item.condition}</code>"
                rows += ["</p></dd>"]
            rows += ["</dl>"]
        rows += [f"<p><b>{label}:</b> {_marked(said)}\n</p>" for label, said in one.said.items()]
        if one.shown:
            shown = escape(one.shown)
            rows += [
                "<p><b>Example:</b>",
                f'</p><div class="example">\n<pre class="example">{shown}',
            ]
            rows += ["</pre></div>"]
        rows.append("</dd></dl>")
    return "\n".join([*rows, "<table><tr><td>Command: index</td></tr></table>", "</body></html>"])


def _marked(words: str) -> str:
    return re.sub("&#x27;(.*?)&#x27;", r"<code>\1</code>", escape(words))


def _roff(words: str) -> str:
    return words.replace("-", r"\-")


FORMS: Mapping[str, Callable[[Sequence[Entry]], str]] = {
    "text": text, "info": info, "roff": roff, "html": html
}  # fmt: skip

LAMPS = (
    Entry("Enum", "Colour", {"Values": [Item("red"), Item("12", text="a number"), Item("blue-ish")]},
          {"Since": "2.9"}),
    Entry("Object", "Plug", {"Members": [
        Item("pin: array of int"),
        Item("earth: boolean", " (optional)", "defaults to true (since 3.1)", "defined(CONFIG_EARTH)"),
    ]}, {"If": "'defined(CONFIG_PLUG)'"}),
    Entry("Object", "Lamp", {"Members": [
        Item("kind", text="One of 'bare', 'shaded'"), Item("colour: Colour", " (optional)"),
        Item("The members of 'Plug' when 'kind' is \"bare\""),
    ]}),
    Entry("Command", "lamp-on", {"Arguments": [Item("id: string"), Item("level: int", " (optional)")]},
          {"Returns": "nothing on success If 'id' is not known, GenericError", "Since": "4.1"},
          '-> { "execute": "lamp-on",\n     "arguments": { "id": "desk", "level": 3 } }\n<- { "return": {} }'),
    Entry("Command", "query-lamps", {}, {"Returns": "a list of 'Lamp'", "Since": "2.9"}),
    Entry("Command", "lamp-change", {}, {"Arguments": "the members of 'Plug'"}),
    Entry("Event", "LAMP_OFF", {"Arguments": [Item("id: string", text="which one")]},
          {"Note": "it is dark then."},
          '<- { "event": "LAMP_OFF",\n     "data": { "id": "desk" },\n'
          '     "timestamp": { "seconds": 1, "microseconds": 2 } }'),
    Entry("Alternate", "Switch", {"Members": [Item("plug: Plug"), Item("name: string")]}),
)  # fmt: skip
