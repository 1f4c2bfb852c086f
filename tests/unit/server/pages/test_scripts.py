"""What the scripts of the pages must know of the service."""

from __future__ import annotations

import re

from sidecar.assets import assets_root
from sidecar.domain.assistant.events import AssistantDoing
from sidecar.domain.events import DURABLE, ForkHealth, UtterancePartial


def test_the_stream_of_the_pages_listens_to_every_type_of_event() -> None:
    script = (assets_root() / "web" / "static" / "js" / "stream_line.js").read_text()
    listed = re.search(r"const TYPES = \[(.*?)\];", script, re.DOTALL)
    assert listed is not None
    types = re.findall(r'"([a-z.]+)"', listed[1])
    assert sorted(types) == sorted(
        [*(event.type for event in DURABLE), ForkHealth.type, UtterancePartial.type, AssistantDoing.type]
    )
