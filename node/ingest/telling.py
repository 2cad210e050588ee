"""Who hears of what was stored: those who pass it on first, and at once what one commit brought; then who listens."""

from collections.abc import Awaitable, Callable, Sequence

from crdt.history import Accepted
from node.ingest.spaces import Space

Heard = Callable[[Space, Sequence[Accepted], bytes | None], Awaitable[None] | None]
Part = tuple[Sequence[Accepted], bytes | None]
"""What was stored of one batch, and which peer it came from."""


class Telling:
    """Tells of each commit; `pass_on` hears of all of it together, `heard` of each part."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.pass_on: Callable[[Space, Sequence[Part]], Awaitable[None]] | None = None

    async def tell(self, space: Callable[[], Space], parts: Sequence[Part]) -> None:
        """Tell what one commit brought; `space` gives the space as it is then, for somebody may have read it anew."""
        if self.pass_on is not None and parts:
            await self.pass_on(space(), parts)
        for accepted, peer in parts:
            for listener in self.heard:
                answer = listener(space(), accepted, peer)
                if answer is not None:
                    await answer
