"""Logs of whatever program, as far as they hold QMP messages: one reader for all of them.

A message may stand anywhere in a line, and as the program wrote it: as it is, escaped or quoted
(once or several times), as a member of another JSON object, in Python's notation, several in one
line, or over several lines.

===============  ===============================================================================
`text`           bytes to lines: what steers a terminal, marks an encoding or fills a hole goes
`quoting`        strings of JSON, Go, Python, C and CSV to what was quoted; Python's literals
`objects`        where in a text there are objects, and what they are in JSON
`messages`       which objects are QMP messages, and where others hold some
`times`          when a line was written
`fields`         what a line says about whom it concerns: monitor, process, machine, ...
`styles`         the table of programs whose logs are known
`conversations`  which session a message belongs to; what was logged twice; what is missing
`entries`        the lines of libvirt's log
`libvirt`        what they say of its monitors
`agents`         what they say of guest agents
`wrapped`        those lines in other programs' logs
`reader`         all of it together
===============  ===============================================================================
"""
