"""What holds a file, a socket or a process, and lets go of it where its ``with`` block ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """Is closed at the end of its ``with`` block, however that ends."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything; may be called again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
