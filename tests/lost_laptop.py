"""Somebody who lost their laptop, those they trust with their key, and the new laptop at which they sit now."""

from dataclasses import dataclass

from loopback import Neighbourhood, link_to, until

from node.domain.recovery import code_of
from node.ingest import recovery
from node.ingest.spaces import Space
from node.runtime import Node


@dataclass
class Garden:
    """Amina, who lost her laptop; those she trusts; and the laptop she now sits at, where she came in as Bo's guest."""

    id: bytes
    amina: bytes
    trusted: list[Node]
    fresh: Node

    def space(self, node: Node) -> Space:
        return node.road.spaces[self.id]

    async def askings(self, node: Node) -> list[recovery.Asking]:
        return await recovery.askings(node.road, self.space(node), self.amina)

    async def ask(self) -> bytes:
        """Ask from the fresh laptop, and wait until all who are trusted heard of it."""
        asked = (await recovery.ask(self.fresh.road, self.space(self.fresh), self.amina)).id
        for node in self.trusted:

            async def heard(node: Node = node) -> bool:
                return asked in {asking.id for asking in await self.askings(node)}

            await until(heard)
        return asked

    async def give(self, node: Node, asked: bytes, code: str | None = None) -> None:
        (asking,) = [asking for asking in await self.askings(node) if asking.id == asked]
        await recovery.give(node.road, self.space(node), asking, code or code_of(asked))

    async def collects(self, count: int) -> None:
        """Wait until so many shares are at the fresh laptop."""

        async def there() -> bool:
            return len((await recovery.collected(self.fresh.road, self.space(self.fresh), self.amina))[1]) >= count

        await until(there)


async def lose(start: Neighbourhood) -> Garden:
    """Return the garden: Amina shared her key with three, two of whom are needed; then her laptop fell into a pond."""
    bola, chidi, dina, amina = [await start(name) for name in ("Bola", "Chidi", "Dina", "Amina")]
    space = (await bola.found("Garden")).id
    link = await link_to(bola, bola.road.spaces[space], uses=9)
    for node in (chidi, dina, amina):
        await node.join(link)
    nodes = [bola, chidi, dina, amina]
    await until(lambda: all(len(node.road.spaces[space].law.members()) == 4 for node in nodes))
    trusted = [bola, chidi, dina]
    people = [node.road.me for node in trusted]
    await recovery.share_key(amina.road, amina.me, amina.road.spaces[space], people, 2)
    for node in trusted:

        async def heard(node: Node = node) -> bool:
            return await recovery.sharing_of(node.road, node.road.spaces[space], amina.me.person) is not None

        await until(heard)
    person = amina.me.person
    await amina.close()
    fresh = await start("Amina's new laptop")
    await fresh.join(link)
    await until(lambda: fresh.road.spaces[space].state == "member")
    garden = Garden(space, person, trusted, fresh)

    async def reads() -> bool:
        return await recovery.sharing_of(fresh.road, garden.space(fresh), person) is not None

    await until(reads)
    return garden
