"""Which messages are meant: one expression for every verb and view (README.md says the language).

::

    command ~ block* and took > 50ms and not error

The floors, from below: `words` (the text in pieces, and what is said where it is wrong), `fields` (what
can be asked about a message, as a table), `literals` (what stands behind an operator), `syntax` (the
expression as a tree, and the tree as text), `advice` (what was meant by what is not of the language), `parsing` (the
text as a tree), `meaning` (the tree as a
test of one message, which sees what a call and its session say besides), `empty` (what is said where nothing
passes) and `selecting` (the messages of a trace that pass).  Only `selecting` knows that there is a trace with an order; none of them knows a file.
"""
