"""Why a command is refused: the error that the client gets.

Knows the protocol's error classes, nothing of commands or sessions.
"""

from __future__ import annotations

GENERIC = "GenericError"
NOT_FOUND = "CommandNotFound"
NO_DEVICE = "DeviceNotFound"
NOT_ACTIVE = "DeviceNotActive"


class Refusal(Exception):  # noqa: N818 - an answer, not an error of the program
    """A command's failure (qmp-spec section 2.4.2).

    `error_class` is one of the protocol's classes, `description` a sentence for people.
    """

    def __init__(self, description: str, error_class: str = GENERIC) -> None:
        super().__init__(description)
        self.description = description
        self.error_class = error_class
