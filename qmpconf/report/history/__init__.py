"""The history of the protocol as text, Markdown, JSON and as a page."""
