"""What Kafka says of a worker's consumer group: partitions that nobody has, and another worker with the same id.

A static member that joins again gets its old assignment back, without a look at the topics. So partitions that were
added, or a topic that was made anew, would never be read, whatever restarts. And two workers with one instance id throw
each other out of the group for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

_STABLE = "Stable"


@dataclass(slots=True, frozen=True)
class Member:
    """One member of a group. `host`: its address as the broker sees it, and the name that it gave itself."""

    member_id: str
    host: str
    partitions: frozenset[tuple[str, int]]


async def members_of(admin: AIOKafkaAdminClient, group: str) -> list[Member] | None:
    """The members of a group; None while it rebalances or has none. Raises KafkaError and OSError."""
    (answer,) = await admin.describe_consumer_groups([group])
    ((error_code, _, state, _, _, members, *_),) = answer.groups
    if error_code or state != _STABLE:
        return None
    return [_member(one[0], one[1], one[2], one[4]) for one in members]


def _member(member_id: str, client_id: str, client_host: str, assignment: bytes) -> Member:
    found: Any = ConsumerProtocolMemberAssignment.decode(assignment) if assignment else None
    partitions = () if found is None else found.partitions()
    host = f"{client_id.rpartition('@')[2]} ({client_host.lstrip('/')})"
    return Member(member_id, host, frozenset((tp.topic, tp.partition) for tp in partitions))


def unassigned(members: Sequence[Member], partitions: Mapping[str, int]) -> dict[str, list[int]]:
    """The partitions that no member has, by topic; `partitions` = how many each topic has."""
    taken = frozenset[tuple[str, int]]().union(*(member.partitions for member in members))
    missing = {
        topic: [number for number in range(count) if (topic, number) not in taken]
        for topic, count in partitions.items()
    }
    return {topic: numbers for topic, numbers in missing.items() if numbers}


def namesake(members: Sequence[Member], member_id: str, instance_id: str) -> Member | None:
    """Another worker that has joined with our instance id; Kafka's ids of static members begin with that."""
    if any(member.member_id == member_id for member in members):
        return None
    return next((member for member in members if member.member_id.startswith(f"{instance_id}-")), None)
