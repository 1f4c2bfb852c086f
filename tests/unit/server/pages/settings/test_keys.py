"""The page of keys says what each scope means, and the document lists them all."""

from __future__ import annotations

from sidecar.domain.access.callers import Scope
from sidecar.server.pages.settings.keys import MEANINGS
from tests.openapi import document


def test_every_scope_is_explained_on_the_page_and_listed_in_the_document() -> None:
    assert set(MEANINGS) == set(Scope)
    assert set(document()["components"]["schemas"]["Scope"]["enum"]) == {scope.value for scope in Scope}
