"""What a line of a text is, as far as patterns can see: tables for `scanning`.

Those for headings are for short lines: on long ones, they may take long.
"""

from __future__ import annotations

import re

_NAME = rb"(?:QMP|execute|exec-oob|return|error|event|timestamp)"
_QUOTE = rb"(?:\\{0,9}[\"']|&quot;|\xe2\x80[\x9c\x9d])"

#: Where an object begins: a brace, and a quote as it is or escaped, or the end of the line.
OBJECT = re.compile(
    rb"\{(?=(?:[ \t]|\xc2\xa0)*(?:[\"']|\\{1,9}[\"']|[uUbB][\"']|[\r\n]|\Z|\.\.|\xe2\x80\xa6|//|#|/\*))"
)

#: A line that begins with this begins a message.
BEGINS = re.compile(rb"[ \t>|*#+]*\{[ \t]*[\"']%b[\"'][ \t]*:" % _NAME)

#: What looks like a message, or like a part of one that says what it is.
LOOKS = re.compile(
    rb"\{[\s\\]*(?:%b%b%b|%b\s*:)|%b(?:QMP|execute|exec-oob|return)%b\s*:"
    % (_QUOTE, _NAME, _QUOTE, _NAME, _QUOTE, _QUOTE)
)

#: Strings that may be masks.
SUSPECT = re.compile(
    rb"[\"'](?:XXX|xxx|\*\*\*|\.\.|\xe2\x80\xa6|<|\[|REDACTED|redacted|removed|snip|SECS|USECS"
    rb"|TIMESTAMP|\$|@|')"
)

#: A line of a broken object behind the place where it broke.
FRAGMENT = re.compile(
    rb"[ \t>|#*+]*(?:[\"'][^\"'\n]*[\"'][ \t]*[:,\]}]|[}\]][\s,}\]]*\Z|[{\[]\s*\Z)"
)

#: The prompts of qmp-shell, behind which commands are typed.
PROMPT = re.compile(rb"[ \t>|]*(?:\((?:QEMU|QGA)\) ?|TRANS> ?)+")

#: libvirt sends what stands behind this, and gives it an id.
LIBVIRT = re.compile(rb"qemu-(?:monitor|agent)-command")

#: No heading is longer than this (bytes).
LONGEST_HEADING = 200

#: A line that begins another part of a text.
HEADING = re.compile(
    rb"[ \t]*(?:={2,}[^=\n].*={2,}|-{2,}[ \t]*[A-Za-z].*[A-Za-z)][ \t]*-{2,}|\#{2,6}[ \t]+\S.*"
    rb"|[\[(*_]{0,3}(?:session|scenario|test|case|run|attempt|example|experiment)[ \t]*[#\d:.].{0,60}"
    rb"|(?:on|at)?[ \t]*(?:the[ \t]+)?(?:source|destination|src|dst|first|second|third)[ \t]*"
    rb"(?:host|qemu|vm|machine|guest|side|session|run|attempt|try)?[ \t]*:)[ \t\r\n]*\Z",
    re.IGNORECASE,
)

#: What underlines the line above, which then is a heading.
UNDERLINE = re.compile(rb"[ \t]*(?:={4,}|-{4,}|~{4,}|\^{4,}|\*{4,})[ \t\r\n]*\Z")
