"""Errands: what a node does whenever something stirs a space, one after another and once for all that stirred it."""

from collections.abc import Awaitable, Callable, Coroutine


class Errands:
    """Runs `do` for each space that was stirred; what stirs one meanwhile makes it run once more, not once for each."""

    def __init__(
        self, keep: Callable[[Coroutine[None, None, None]], object], do: Callable[[bytes], Awaitable[None]]
    ) -> None:
        self._keep = keep
        self._do = do
        self._due: set[bytes] = set()
        self._running: set[bytes] = set()

    def stir(self, space: bytes) -> None:
        """Do it for a space, or once more where it is being done."""
        self._due.add(space)
        if space not in self._running:
            self._running.add(space)
            self._keep(self._run(space))

    async def _run(self, space: bytes) -> None:
        try:
            while space in self._due:
                self._due.discard(space)
                await self._do(space)
        finally:
            self._running.discard(space)
