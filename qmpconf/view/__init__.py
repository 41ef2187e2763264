"""The terminal view of recordings (``qmpconf view``).

What is shown is pure, and knows no terminal:

================  ===========================================================================
`index`           a row for each message: where it is, which session, what it answers
`lanes`           sessions beside each other: which column each has
`rows`            which rows are listed: all, those that a filter lets pass, calls as one row
`line_findings`   findings by the line that they are about
`sheets`          a message, its schema, a comparison as lines of styled text
`wording`         a row of the list, in as many columns as there are
================  ===========================================================================

`text` reads the bytes of a trace again at any place, `messages` makes messages of them, `document`
reads, checks, filters and searches in threads of its own.  `app` and what it is made of (`trace`: the screen of a trace,
`message_list`, `details`, `asking`, `pages`, `overlay`, `folder`) draw it with textual, which only the extra
``qmpconf[view]`` brings.
"""
