"""Some seconds of what ``make fuzz`` does for minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import ScriptedRecogniser
from tests.fuzz import fuzz
from tests.service import running_service


@pytest.mark.timeout(400)  # another process, which a busy machine starts slowly
async def test_the_examples_of_the_document_and_some_odd_requests_are_answered_as_it_says(tmp_path: Path) -> None:
    async with running_service(tmp_path, ScriptedRecogniser(), rate_limit=0) as service:
        good, said = await fuzz(service, seconds=4, phases="examples,fuzzing", examples=3, seed=1)
    assert good, said
