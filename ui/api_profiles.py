"""Operations on profiles and consents: what members say of themselves to whom, and what they let others do."""

from identity.keys import to_did
from node.domain.consents import ANYBODY, USES, ConsentRow, is_open
from node.domain.profiles import FIELDS
from node.domain.profiles import SPACE as EVERYBODY
from node.ingest import consents as consenting
from node.ingest import profiles as saying
from node.ingest.profiles import Field, Wish
from node.runtime import Node
from node.store import people as store
from ui.api_spaces import SPACE, need_space
from ui.operations import Data, Param, operation
from ui.whom import names_in

PERSON = Param("person", "path", "a member, by name or as did:key")
USE = Param("use", "body", "mention, pin, tag, delegate, map or bridge")
_TEXTS = tuple(Param(name, "body", f"what your profile says under {name}", required=False) for name in FIELDS)


@operation("PATCH", "/spaces/{space}/profile", SPACE, *_TEXTS)
async def profile(node: Node, given: Data) -> Data:
    """Change fields of your profile in a space, each for whom it was meant before."""
    space = need_space(node, given.pop("space"))
    return {"changed": bool(await saying.edit_profile(node.road, space, given))}


@operation("POST", "/spaces/{space}/profile/{field}", SPACE,
           Param("field", "path", f"one of {', '.join(FIELDS)}, or own: and sixteen hex digits"),
           Param("value", "body", "what it says; empty takes it away"),
           Param("audience", "body", "whom it is for: me, people, space or public (space)", required=False),
           Param("people", "body", "for people: who may read it, by name or as did:key", "array", required=False),
           Param("label", "body", "the name of a field of your own", required=False))  # fmt: skip
async def set_field(node: Node, given: Data) -> Data:
    """Say one field of your profile, and whom it is for."""
    space = need_space(node, given["space"])
    names = await names_in(node, space)
    people = [names.person(person) for person in given.get("people", [])]
    audience = given.get("audience", EVERYBODY)
    wish = Wish(given["field"], given["value"], audience, people, given.get("label", ""))
    return {"changed": bool(await saying.set_fields(node.road, space, [wish]))}


@operation("GET", "/spaces/{space}/people/{person}/profile", SPACE, PERSON)
async def show_profile(node: Node, given: Data) -> Data:
    """Show what somebody says of themselves, as far as it is meant for you."""
    space = need_space(node, given["space"])
    person = (await names_in(node, space)).person(given["person"])
    fields = await saying.fields_of(node.road, space, person)
    return {"person": to_did(person), "fields": [_field_data(field) for field in fields]}


def _field_data(field: Field) -> Data:
    return {
        "field": field.name, "label": field.label, "value": field.value, "audience": field.audience,
        "people": [to_did(person) for person in field.people], "time": field.time,
    }  # fmt: skip


@operation("GET", "/spaces/{space}/consents", SPACE)
async def consents(node: Node, given: Data) -> Data:
    """List what you consented to, withdrew or were asked for, and what you asked of others."""
    space = need_space(node, given["space"])
    no, me = space.index.no, node.me.person
    own, asked = await node.database.read(
        lambda db: (store.consents_of(db, no, me), store.consents_asked_by(db, no, me))
    )
    mine = [_consent_data(row, own) for row in own if row.use in USES]
    return {"mine": mine, "asked": [_consent_data(row, []) for row in asked]}


def _consent_data(row: ConsentRow, own: list[ConsentRow]) -> Data:
    rows = {other.by: other for other in own if other.use == row.use}
    state = "asked" if row.given is None else "given" if row.given else "withdrawn"
    if row.given is None and rows and not is_open(rows, row.by):
        state = "void"
    return {
        "person": to_did(row.person), "use": row.use, "by": to_did(row.by) if row.by else None, "state": state,
        "version": row.version, "time": row.time,
    }  # fmt: skip


@operation("POST", "/spaces/{space}/consents", SPACE, USE,
           Param("given", "body", "whether you consent", "boolean"),
           Param("by", "body", "towards whom, by name or did:key; if left out, anybody", required=False))  # fmt: skip
async def consent(node: Node, given: Data) -> Data:
    """Give or withdraw your consent to something; it holds on every node that hears of it."""
    space = need_space(node, given["space"])
    by = (await names_in(node, space)).person(given["by"]) if given.get("by") else ANYBODY
    change = await consenting.answer(node.road, space, given["use"], by, given=given["given"])
    return {"change": change.id.hex()}


@operation("POST", "/spaces/{space}/people/{person}/consents", SPACE, PERSON, USE)
async def ask_consent(node: Node, given: Data) -> Data:
    """Ask somebody for their consent; after a no nobody is asked again."""
    space = need_space(node, given["space"])
    change = await consenting.ask(node.road, space, (await names_in(node, space)).person(given["person"]), given["use"])
    return {"change": change.id.hex()}
