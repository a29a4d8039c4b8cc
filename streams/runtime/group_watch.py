"""Asks Kafka at intervals whether the group of a worker reads all of its topics, in the lives that the worker knows."""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.topics import Topic
from streams.runtime.membership import members_of, namesake, unassigned
from streams.runtime.topic_identity import identities_of

WATCH_SECONDS = 5.0
FIRST_SECONDS = 0.3  # until every partition has a reader, on which a start waits


@dataclass(slots=True, frozen=True)
class Finding:
    """Why the worker has to end; `final`: something must be changed before it can start again."""

    reason: str
    final: bool = False


class GroupWatch:
    """The watch of one worker over its group. `look` at intervals, `close` at the end."""

    def __init__(self, bootstrap: str, group: tuple[str, tuple[Topic, ...]], instance_id: str) -> None:
        self._bootstrap = bootstrap
        self._group, self._topics = group
        self._instance_id = instance_id
        self._admin: AIOKafkaAdminClient | None = None
        self._seen: tuple[Finding | None, float] = None, 0.0
        self._namesakes = 0
        self._member_id = ""
        self._joined_at = 0.0
        self.complete = False  # whether the last look saw that every partition has a reader

    async def look(self, topic_ids: Mapping[str, str], member_id: str) -> Finding | None:
        """What is wrong, once it has stood for WATCH_SECONDS or was seen twice; None when Kafka does not answer."""
        if member_id != self._member_id:
            self._member_id, self._joined_at = member_id, time.monotonic()
        try:
            found = await self._find(topic_ids, member_id)
        except (KafkaError, OSError):
            await self.close()
            found, self.complete = None, False
        if found is not None and found.final:  # the two alternate, so that it is seen now and then
            self._namesakes += 1
            return found if self._namesakes > 1 else None
        now = time.monotonic()
        if found != self._seen[0]:
            self._seen = found, now
        return found if now - self._seen[1] >= WATCH_SECONDS else None

    @property
    def pause(self) -> float:
        """Seconds to the next look; few after a join, because a namesake holds our place for 3 s at most."""
        return FIRST_SECONDS if time.monotonic() - self._joined_at < WATCH_SECONDS else WATCH_SECONDS

    async def close(self) -> None:
        """Closes the connection."""
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()

    async def _find(self, topic_ids: Mapping[str, str], member_id: str) -> Finding | None:
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
            await self._admin.start()
        identities = await identities_of(self._admin._client, [topic.name for topic in self._topics])
        for name, identity in identities.items():
            if name in topic_ids and topic_ids[name] != identity.topic:
                return Finding(f"{name} was deleted and made anew: the worker starts again and reads all of it")
        members = await members_of(self._admin, self._group)
        self.complete = False
        if members is None:
            return None
        if (other := namesake(members, member_id, self._instance_id)) is not None:
            return Finding(
                f"a worker of {other.host} has joined {self._group} with the id {self._instance_id} of this one on "
                f"{socket.gethostname()}: give each machine a host name of its own, or stop one of the two",
                final=True,
            )
        missing = unassigned(members, {name: identity.partitions for name, identity in identities.items()})
        if missing:
            numbers = ", ".join(f"{topic}/{number}" for topic, some in sorted(missing.items()) for number in some)
            return Finding(f"nobody in {self._group} reads {numbers}: the worker joins the group anew")
        self.complete = True
        return None
