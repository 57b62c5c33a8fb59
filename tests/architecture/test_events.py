"""Each event that receivers are told of is documented, and can be said in words."""

import re

from tests.architecture.source import DOCS

from autodeploy.services.auth.organization_events import EventType
from autodeploy.services.monitor.notifications.rendering import HEADLINES


def test_each_event_is_documented_and_no_other() -> None:
    text = (DOCS.parent / "webhooks.md").read_text()
    table = text.partition("## Events")[2].partition("```")[0]
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", table, re.MULTILINE)) == set(EventType)


def test_each_event_has_a_headline() -> None:
    assert HEADLINES.keys() == set(EventType) - {EventType.PING}
