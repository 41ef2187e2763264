"""The result stream: what a verb found, as data from which every view is made."""
