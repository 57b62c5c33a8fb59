"""Events in the form of each kind of endpoint: JSON for programs, a few lines for people."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from autodeploy.kernel.mail import Mail
from autodeploy.services.auth.models import OrganizationEvent
from autodeploy.services.auth.organization_events import EventType

# What Slack and Discord take is longer; nobody reads more in a chat.
_LONGEST_REASON = 500

HEADLINES = {
    EventType.DEPLOYMENT_QUEUED: "deployment is queued",
    EventType.DEPLOYMENT_BUILDING: "deployment is building",
    EventType.DEPLOYMENT_DEPLOYING: "deployment is being released",
    EventType.DEPLOYMENT_READY: "deployment is live",
    EventType.DEPLOYMENT_FAILED: "deployment failed",
    EventType.DEPLOYMENT_CANCELLED: "deployment was cancelled",
    EventType.DEPLOYMENT_ROLLED_BACK: "release was rolled back",
    EventType.DATABASE_READY: "database is ready",
    EventType.DATABASE_FAILED: "database could not be made",
    EventType.BACKUP_FAILED: "backup failed",
    EventType.CONNECTION_FAILED: "connection failed",
}
_COMMIT_CHARACTERS = 7


@dataclass(frozen=True)
class Message:
    """What people read: a line that says it all, some that say more, and where to look."""

    headline: str
    details: tuple[str, ...] = ()
    link: str | None = None


def as_json(event: OrganizationEvent) -> bytes:
    """The body of a webhook: ``type``, ``timestamp`` and ``data``, the same for every try."""
    body = {
        "type": event.type,
        "timestamp": event.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": event.data,
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def message_of(event: OrganizationEvent, public_url: str) -> Message:
    """An event in words."""
    data = event.data
    if event.type == EventType.PING:
        return Message(f"AutoDeploy at {public_url} can reach this channel.")
    about: Mapping[str, Any] = next(iter(data.values()))
    happened = HEADLINES[EventType(event.type)]
    if "connection" in data:
        whose = f" ({about['accountName']})" if about["accountName"] else ""
        used = f"Projects that act by it: {len(about['projects'])}"
        return Message(f"{about['provider']}{whose}: {happened}", (used, *_reason(about)))
    headline = f"{about['project']['name']} ({about['environment']}): {happened}"
    if "deployment" in data:
        link = f"{public_url}/api/v1/deployments/{about['id']}"
        return Message(headline, _of_deployment(about), link)
    name = about.get("name") or about["databaseName"]
    return Message(headline, (f"Database {name}", *_reason(about)))


def _of_deployment(about: Mapping[str, Any]) -> tuple[str, ...]:
    lines = [f"{about['branch']} at {about['commit'][:_COMMIT_CHARACTERS]}, on {about['provider']}"]
    # Events of earlier versions do not say it.
    is_private = about.get("private", False)
    is_live = about["status"] == "ready" and not about["rolledBackAt"]
    if is_live and about["url"] and not is_private:
        lines.append(about["url"])
    lines.extend(_reason(about))
    lines.append(f"Its log: autodeploy logs {about['id']}")
    return tuple(lines)


def _reason(about: Mapping[str, Any]) -> tuple[str, ...]:
    error = about["error"]
    if error is None:
        return ()
    said = f"{error['message']} ({error['code']})"
    return tuple(line[:_LONGEST_REASON] for line in (said, error.get("remedy")) if line)


def as_slack(message: Message) -> bytes:
    """For an incoming webhook of Slack. Its three special characters are escaped, so that nothing
    in a name or an error mentions somebody (docs.slack.dev, "Formatting message text", 2026-11)."""
    lines = [f"*{_slack(message.headline)}*", *map(_slack, message.details)]
    if message.link:
        lines.append(f"<{message.link}|Open the deployment>")
    return json.dumps({"text": "\n".join(lines), "unfurl_links": False}).encode()


def as_discord(message: Message) -> bytes:
    """For a webhook of Discord, which mentions nobody and is at most 2,000 characters long
    (docs.discord.com, "Execute Webhook", 2026-11)."""
    lines = [f"**{message.headline}**", *message.details, *filter(None, [message.link])]
    content = "\n".join(lines)[:2000]
    return json.dumps({"content": content, "allowed_mentions": {"parse": []}}).encode()


def as_mail(message: Message, recipient: str, public_url: str) -> Mail:
    """A mail in plain text."""
    lines = [*message.details, *filter(None, [message.link])]
    text = "\n".join([message.headline, "", *lines, "", f"AutoDeploy at {public_url}", ""])
    return Mail(recipient, f"{' '.join(message.headline.split())} - AutoDeploy", text)


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
