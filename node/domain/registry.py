"""Every area of the domain, imported once so that its kinds are known. A new area adds its line here."""

from node.domain import consents, documents, posts, profiles, recovery
from node.domain.law import membership

AREAS = (posts, documents, profiles, consents, recovery, membership)
