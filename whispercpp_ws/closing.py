"""What is open until it is closed, as a context."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """Close at the end of a `with` block, however it ends."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is held."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
