"""What is logged, and what changes, to messages and back, without loss."""

from __future__ import annotations

from modelbox.errors import InvalidArgumentError
from modelbox.records import Change, Event, MetricBatch, PendingEvent, datetime_from_us, us_from_datetime
from modelbox.wire import service_pb2 as pb
from modelbox.wire.values import (
    action_from_enum,
    action_to_enum,
    json_object_from_text,
    json_text,
    metadata_from_message,
    metadata_to_message,
    object_type_from_enum,
    object_type_to_enum,
    timestamp_from_message,
    timestamp_to_message,
    valid_time_us,
)


def batch_to_message(batch: MetricBatch) -> pb.MetricBatch:
    """The message of a batch of points."""
    from modelbox.wire.points import points_to_message  # with pyarrow, which only points need

    return pb.MetricBatch(
        object_id=batch.object_id,
        uid=batch.uid,
        writer=batch.writer,
        sequence=batch.sequence,
        points=points_to_message(batch.points),
    )


def batch_from_message(message: pb.MetricBatch) -> MetricBatch:
    """The batch of points in a message.

    Raises:
        InvalidArgumentError: Its columns do not fit together.
    """
    from modelbox.wire.points import points_from_message

    return MetricBatch(
        object_id=message.object_id,
        uid=message.uid,
        writer=message.writer,
        sequence=message.sequence,
        points=points_from_message(message.points),
    )


def event_to_message(event: Event) -> pb.Event:
    """The message of a stored event."""
    return pb.Event(
        name=event.name,
        source=pb.EventSource(name=event.source),
        wallclock_time=timestamp_to_message(us_from_datetime(event.wallclock)),
        metadata=metadata_to_message(event.metadata),
        seq=event.seq,
    )


def event_from_message(message: pb.Event, object_id: str) -> Event:
    """A stored event of an object."""
    return Event(
        name=message.name,
        source=message.source.name,
        wallclock=datetime_from_us(timestamp_from_message(message.wallclock_time)),
        metadata=metadata_from_message(message.metadata),
        object_id=object_id,
        seq=message.seq,
    )


def new_event_to_message(event: PendingEvent) -> pb.NewEvent:
    """The message of an event on its way."""
    return pb.NewEvent(
        object_id=event.object_id,
        uid=event.uid,
        sequence=event.sequence,
        name=event.name,
        source=event.source,
        wallclock_us=event.wallclock_us,
        metadata_json=json_text(event.metadata),
    )


def new_event_from_message(message: pb.NewEvent) -> PendingEvent:
    """An event on its way.

    Raises:
        InvalidArgumentError: Its metadata is not JSON, or its time is none.
    """
    return PendingEvent(
        object_id=message.object_id,
        uid=message.uid,
        sequence=message.sequence,
        name=message.name,
        source=message.source,
        wallclock_us=valid_time_us(message.wallclock_us),
        metadata=json_object_from_text(message.metadata_json),
    )


def change_to_message(change: Change) -> pb.Change:
    """The message of a change."""
    return pb.Change(
        seq=change.seq,
        action=action_to_enum(change.action),
        object_type=object_type_to_enum(change.object_type),
        object_id=change.object_id,
        namespace=change.namespace,
        at=timestamp_to_message(us_from_datetime(change.at)),
        payload_json=json_text(change.payload),
    )


def change_from_message(message: pb.Change) -> Change:
    """A change.

    Raises:
        InvalidArgumentError: It is of a kind that came after this version, or its payload is not JSON.
    """
    kind = object_type_from_enum(message.object_type)
    if kind is None:
        raise InvalidArgumentError(f"change {message.seq} does not say what type of object it is about")
    return Change(
        seq=message.seq,
        action=action_from_enum(message.action),
        object_type=kind,
        object_id=message.object_id,
        namespace=message.namespace,
        at=datetime_from_us(timestamp_from_message(message.at)),
        payload=json_object_from_text(message.payload_json),
    )
