"""Object events from a real queue API."""

import json

import boto3
import pytest

from clay_assets.errors import ServiceError
from clay_assets.ingest.queue import delete, objects_of, receive


@pytest.fixture
def queue_url(s3_bucket: str) -> str:
    return boto3.client("sqs").create_queue(QueueName=s3_bucket)["QueueUrl"]


@pytest.fixture
def telling_bucket(s3_bucket: str, queue_url: str) -> str:
    """A bucket that sends its events to the queue."""
    sqs, s3 = boto3.client("sqs"), boto3.client("s3")
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    configuration = {"QueueArn": attributes["Attributes"]["QueueArn"], "Events": events}
    s3.put_bucket_notification_configuration(
        Bucket=s3_bucket, NotificationConfiguration={"QueueConfigurations": [configuration]}
    )
    return s3_bucket


def test_a_bucket_tells_what_was_put_and_deleted(telling_bucket: str, queue_url: str):
    s3 = boto3.client("s3")
    s3.put_object(Bucket=telling_bucket, Key="02/32VKM/2021-06-01/a b.tif", Body=b"x")
    s3.put_object(Bucket=telling_bucket, Key="02/32VLM/2021-06-01/a.tif", Body=b"x")
    s3.delete_object(Bucket=telling_bucket, Key="02/32VLM/2021-06-01/a.tif")
    s3.put_object(Bucket=telling_bucket, Key="other/32VNM/a.tif", Body=b"x")
    received = receive(queue_url, f"s3://{telling_bucket}/02")
    assert received.tiles == {"32VKM", "32VLM"}
    assert len(received.receipts) >= 4
    assert received.ignored >= 1


def test_messages_stay_until_they_are_deleted(telling_bucket: str, queue_url: str):
    boto3.client("s3").put_object(Bucket=telling_bucket, Key="32VKM/a.tif", Body=b"x")
    boto3.client("sqs").set_queue_attributes(
        QueueUrl=queue_url, Attributes={"VisibilityTimeout": "0"}
    )
    location = f"s3://{telling_bucket}"
    received = receive(queue_url, location)
    assert receive(queue_url, location).tiles == received.tiles == {"32VKM"}
    delete(queue_url, receive(queue_url, location).receipts)
    assert not receive(queue_url, location).receipts
    delete(queue_url, received.receipts)  # gone already: no error


def test_a_queue_that_is_not_there_is_named(s3_bucket: str, s3_endpoint: str):
    with pytest.raises(ServiceError, match=r"queue .*/nowhere cannot be used.*AWS_REGION"):
        receive(f"{s3_endpoint}/123456789012/nowhere", f"s3://{s3_bucket}")


RECORD = {"s3": {"bucket": {"name": "b"}, "object": {"key": "02/32VKM/a+b%2B.tif"}}}


@pytest.mark.parametrize(
    ("body", "objects"),
    [
        # Forms of https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
        ({"Records": [RECORD]}, [("b", "02/32VKM/a b+.tif")]),
        ({"Message": json.dumps({"Records": [RECORD]})}, [("b", "02/32VKM/a b+.tif")]),
        ({"detail": {"bucket": {"name": "b"}, "object": {"key": "a+b.tif"}}}, [("b", "a+b.tif")]),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}, []),
        ([1, 2], []),
    ],
)
def test_every_form_of_an_event_is_understood(body, objects):
    assert objects_of(json.dumps(body)) == objects


def test_what_is_no_event_is_ignored():
    assert objects_of("hello") == []
