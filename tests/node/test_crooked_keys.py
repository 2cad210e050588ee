"""A device key that signs well, and to which nothing can be sealed: whoever brings it holds up nobody."""

from hashlib import blake2b, sha512

import nacl.bindings as sodium
from loopback import Neighbourhood, link_to, until
from other_members import Member

from crdt.batch import Batch, encode_batch
from crdt.change import Change, Header, encode_body, make
from identity.certificates import certify
from identity.keys import SigningKey
from identity.links import read_link
from identity.tickets import prove
from node.domain.area import wire_fields
from node.domain.law.membership import AdmitMember, JoinSpace
from node.ingest.keys import begin_keys, hand_keys
from node.ingest.spaces import Space
from node.runtime import Node

ORDER = 2**252 + 27742317777372353535851937790883648493
HALF_WAY = (2**255 - 20).to_bytes(32, "little")
"""The point of order two: added to a public key, it takes it off the group in which secrets are agreed on."""


class CrookedKey(SigningKey):
    """A key beside the main group: every second hash that is drawn gives a signature that verifies."""

    def __init__(self, seed: bytes) -> None:
        super().__init__(seed)
        self._scalar = reduced(blake2b(seed, digest_size=32).digest())
        self.public = sodium.crypto_core_ed25519_add(
            sodium.crypto_scalarmult_ed25519_base_noclamp(self._scalar), HALF_WAY
        )

    def sign(self, message: bytes) -> bytes:
        for draw in range(64):
            nonce = reduced(sha512(self._scalar + bytes([draw]) + message).digest())
            point = sodium.crypto_scalarmult_ed25519_base_noclamp(nonce)
            hashed = reduced(sha512(point + self.public + message).digest())
            if hashed[0] % 2 == 0:
                response = sodium.crypto_core_ed25519_scalar_mul(hashed, self._scalar)
                return point + sodium.crypto_core_ed25519_scalar_add(response, nonce)
        raise AssertionError("no even hash was drawn")


def reduced(number: bytes) -> bytes:
    """Return a number as one below the order of the main group."""
    return (int.from_bytes(number, "little") % ORDER).to_bytes(32, "little")


async def crooked_knock(node: Node, space: Space) -> Change:
    """Return the knock of a device with such a key, by a good invitation."""
    device, root = CrookedKey(bytes(32)), SigningKey.generate()
    invitation = read_link(await link_to(node, space))
    proof = prove(invitation, device.public, root.public)
    certificate = certify(root, device.public, 0, node.clock_ms())
    command = JoinSpace(invitation.terms, invitation.signature, proof, root.public, certificate)
    header = Header(space.id, device.public, 1, b"", (), node.clock_ms(), command.klass, b"", b"", 0)
    return make(header, encode_body(command.kind, wire_fields(command)), device, space.secrets.knock())


async def test_who_cannot_be_handed_keys_keeps_nobody_else_waiting(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    knock = await crooked_knock(amina, garden)

    answer = await amina.keeper.deliver_knock(garden.id, encode_batch([knock]), knock.header.author)
    kim = await Member.join(amina, garden, "Kim")

    assert answer is None
    assert knock.id in garden.law.joins
    assert garden.law.person_of(kim.device.public)


async def test_keys_are_not_handed_again_and_again_to_whom_they_cannot_be_sealed(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    knock = await crooked_knock(amina, garden)
    await amina.road.receive(garden, Batch([knock], {}), knock.header.author)
    await amina.road.submit(garden, AdmitMember(knock.id, []))
    await begin_keys(amina.road, garden)
    await until(lambda: not amina.duties.lock.locked())

    before = garden.history.size
    handed = await hand_keys(amina.road, garden)

    assert handed == 0
    assert garden.history.size == before
