"""Buckets that tell what happens to them: object events from an SQS queue.

Read as S3 sends them itself, by way of SNS, or by EventBridge. A message stays in the queue until
what it told is recorded, so that nothing is lost when a process dies; that it comes twice is
harmless.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus, urlparse

from clay_assets.errors import ServiceError, TileError
from clay_assets.mgrs import parse_tile

MESSAGES_A_CALL = 10
"""What SQS gives and deletes at once."""
CALLS = 20
"""Calls for messages at most, each time the queue is read."""


@dataclass(frozen=True)
class Received:
    """Messages that were taken from a queue, still in it."""

    tiles: frozenset[str]
    """Tile folders below the watched prefix in which something happened."""
    receipts: tuple[str, ...]
    """To delete the messages with."""
    ignored: int
    """Events of other places, and test messages."""


def receive(queue_url: str, location: str) -> Received:
    """Take what the queue has, at most 200 messages, without waiting for more.

    Args:
        queue_url: of the SQS queue.
        location: `s3://bucket/prefix` with one folder a tile.

    Raises:
        ServiceError: the queue does not answer.
    """
    tiles: set[str] = set()
    receipts: list[str] = []
    ignored = 0
    for message in _messages(queue_url):
        receipts.append(message["ReceiptHandle"])
        for bucket, key in objects_of(message["Body"]):
            tile = _tile_folder(bucket, key, location)
            if tile:
                tiles.add(tile)
            else:
                ignored += 1
    return Received(frozenset(tiles), tuple(receipts), ignored)


def delete(queue_url: str, receipts: tuple[str, ...]) -> None:
    """Delete messages whose news are recorded; those that are gone are no error.

    Raises:
        ServiceError: the queue does not answer.
    """
    for start in range(0, len(receipts), MESSAGES_A_CALL):
        entries = [
            {"Id": str(number), "ReceiptHandle": receipt}
            for number, receipt in enumerate(receipts[start : start + MESSAGES_A_CALL])
        ]
        _asked(queue_url, "delete_message_batch", Entries=entries)


def objects_of(body: str) -> list[tuple[str, str]]:
    """(bucket, key) of each object a message is about; none for S3's test message.

    >>> objects_of('{"detail": {"bucket": {"name": "b"}, "object": {"key": "32VKM/a.tif"}}}')
    [('b', '32VKM/a.tif')]
    """
    try:
        content = json.loads(body)
    except ValueError:
        return []
    if not isinstance(content, dict):
        return []
    if "Message" in content:  # by way of SNS
        return objects_of(content["Message"])
    if "detail" in content:  # EventBridge does not quote keys
        detail = content["detail"]
        return [(detail["bucket"]["name"], detail["object"]["key"])]
    records = [record["s3"] for record in content.get("Records", []) if "s3" in record]
    return [(s3["bucket"]["name"], unquote_plus(s3["object"]["key"])) for s3 in records]


def _messages(queue_url: str) -> Iterator[dict[str, Any]]:
    for _ in range(CALLS):
        answer = _asked(queue_url, "receive_message", MaxNumberOfMessages=MESSAGES_A_CALL)
        messages = answer.get("Messages", [])
        yield from messages
        if not messages:
            return


def _tile_folder(bucket: str, key: str, location: str) -> str | None:
    """The tile folder of an object, if it lies in one below `location`."""
    place = urlparse(location)
    prefix = place.path.strip("/")
    inside = key.removeprefix(f"{prefix}/") if prefix else key
    if bucket != place.netloc or (prefix and inside == key):
        return None
    folder, _, rest = inside.partition("/")
    try:
        return folder if rest and parse_tile(folder) == folder else None
    except TileError:
        return None


def _asked(queue_url: str, method: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    # Heavy, and not needed by anybody without a queue.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = boto3.client("sqs")
        answer: dict[str, Any] = getattr(client, method)(QueueUrl=queue_url, **arguments)
        return answer
    except (BotoCoreError, ClientError) as error:
        raise _unusable(queue_url, error) from error


def _unusable(queue_url: str, error: Exception) -> ServiceError:
    return ServiceError(
        f"queue {queue_url} cannot be used: {error}; check CLAY_IMAGERY_QUEUE_URL, AWS_REGION and "
        "that the credentials may sqs:ReceiveMessage and sqs:DeleteMessage"
    )
