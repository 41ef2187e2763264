"""Secrets that travel in QMP, and how they are kept out of a trace.

A `Redactor` gives for each frame what a trace holds of it: each secret replaced by `REPLACEMENT`, its
JSON pointer, and every other byte as it was.  Only the trace is redacted, never what is forwarded.
It knows:

- the commands of QMP and of the guest agent that carry secrets, and the results that are one
  (`places`); what such a command carries that nobody knows counts as secret as well;
- members, options, headers and properties whose name says it (`names`), at any depth;
- what a string shows by its syntax: credentials in URLs, options of file names, keys (`text`), and
  JSON in strings (`content`); lines of the human monitor, read as QEMU reads them (`human`);
- what was replaced before, where a reply, an error, an event or an id repeats it (`values`);
- bytes that are not a message: everything behind a sensitive word (`noise`);
- the command lines of client and server in the header (`commandline`).

It errs to the safe side: what may be a secret goes.  What it cannot know:

- a secret in a place that says nothing of it: a name, a label, a description, keys that are typed
  into a guest (``send-key``), bytes for a guest's serial port (``ringbuf-write``), the guest's memory
  or disk (``x /s``, ``qemu-io read``), a word on a client's command line;
- the same secret where it stood before it was known as one, a value of less than four characters or
  a word of the protocol (``password``) where it is repeated, and of very many values the oldest;
- a secret that was cut or changed: encrypted, hashed, half of it, bytes that are not a message written in
  pieces, of which the first came before the word that says;
- what a server says of itself under a name that no release of QEMU uses.

For these there are exact values (``--secret``), and `scan`, which lists what looks like a secret.
An id is redacted only where it repeats a secret: it is needed to match a response to its command.

The floors, from below: `names`; `values`, `places` and `top`; `text`; `content`; `human` and
`commandline`; `message` and `noise`; `redactor`; `records` (whole traces); `scan`.
"""

from qmpconf.trace.redaction.names import REPLACEMENT as REPLACEMENT
from qmpconf.trace.redaction.redactor import Redactor as Redactor
