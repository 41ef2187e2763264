"""What people write in place of a part of a message: tables of patterns.

A *mask* stands for one value, which the author or a test filter has hidden (``TIMESTAMP``, ``XXX``,
``<uuid>``).  A *cut* stands for members, elements or whole messages that were left out (``...``,
``[snip]``).
"""

from __future__ import annotations

import re

#: Words that say that something was left out.
_CUT_WORDS = (
    rb"snip(?:ped)?|cut|trim(?:med)?|truncated|omitted|elided|skipped|removed|shortened|etc|more|"
    rb"and so on|left out"
)
_DOTS = rb"(?:\.{2,}|\xe2\x80\xa6)"

#: Members or elements were left out here; dots take the words behind them along.
CUT = re.compile(
    rb"%b[^\"'{}\[\],\n]*"
    rb"|[\[<(][ \t]*(?:%b|[-.* \t]*\b(?:%b)\b)[^\]>)\n\"]{0,80}[\]>)]"
    rb"|[-_*=]*[ \t]?\b(?:snip|snipped)\b[ \t]?[-_*=]*"
    rb"|/\*[ \t]*%b[^\n]*?\*/" % (_DOTS, _DOTS, _CUT_WORDS, _DOTS),
    re.IGNORECASE,
)

#: A line that says that messages were left out, and nothing else; more dots are a test's progress.
CUT_LINE = re.compile(
    rb"[ \t>|#*]*(?:[\[<(]?[ \t]*(?:\.{2,6}|\xe2\x80\xa6)[ \t]*[\]>)]?"
    rb"|[-_*=~<\[( \t]*\b(?:snip(?:ped)?|cut here|cut)\b[-_*=~>\]) \t0-9a-z<8/]*)[ \t\r\n]*\Z",
    re.IGNORECASE,
)

#: A value that was hidden, written without quotes.
MASK = re.compile(
    rb"(?:[A-Z][A-Z0-9_]*(?:[-.][A-Z0-9_]+)*"  # TIMESTAMP, XXX, NODE_NAME
    rb"|x{2,}|n{2,}|\?+|\*+|\#+|_+"
    rb"|<[^<>\"{}\[\]\n]{1,80}>"  # <uuid>
    rb"|\([^()\"{}\[\]\n]{1,80}\)"  # (filtered)
    rb"|\[[A-Za-z][A-Za-z ]{1,30}\](?=\s*[,}\]])"  # [redacted]
    rb"|\$(?:\{[^{}\n]{1,80}\}|\w{1,80})"  # ${ID}
    rb"|%%(?:\(\w{1,80}\))?[-0-9.l]*[sdiufxpr](?:\b|(?=\s*[,}\]]))"  # %%s
    rb"|@\w{1,80}@"
    rb"|\{\{[^{}\n]{1,80}\}\}"  # {{ id }}
    rb"|0x[0-9a-fA-F]{1,16}"
    rb"|%b[^\"'{}\[\],\n]*)(?![\w$])" % _DOTS
)

#: A value in a form that a manual describes: nobody has sent it.
GRAMMAR = re.compile(rb"json-[a-z]+(?![\w-])")

#: The text of a string that stands for a value which was hidden.
QUOTED_MASK = re.compile(
    rb"(?:X{3,}|x{3,}|\*{3,}|%b|<[^<>]{1,80}>|\[?(?:REDACTED|redacted|removed|snip)\]?"
    rb"|SECS|USECS|TIMESTAMP|\$\{?\w{1,80}\}?|@\w{1,80}@)\Z" % _DOTS
)

#: The same in the outputs of QEMU's iotests, where a format of images is hidden as well.
IOTESTS_MASK = re.compile(
    rb"(?:DATE|FILTERED|HASH|IMGPROTO|LEN|OFFSET|PID|PORT|SECS|SIZE|TIMESTAMP|USECS|UUID|X{2,}"
    rb"|[A-Z]+(?:_[A-Z0-9]+)+|.{0,80}\bIMGFMT\b.{0,80})\Z"
)
