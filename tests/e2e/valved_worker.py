"""`ackstream worker load` whose producer connects to Kafka through another port: valved_worker.py PORT INSTANCE."""

import sys
from typing import Any

from aiokafka.conn import AIOKafkaConnection

from deploy.cli.commands.worker import command

PRODUCER = "ackstream-load"  # the client id


def main() -> None:
    """Runs the worker with a patched connection."""
    port, instance = sys.argv[1:]
    connect = AIOKafkaConnection.__init__

    def through(self: Any, host: str, usual: int, *, client_id: str, **more: Any) -> None:
        connect(self, host, int(port) if client_id == PRODUCER else usual, client_id=client_id, **more)

    AIOKafkaConnection.__init__ = through
    command(["load", "--instance", instance])


if __name__ == "__main__":
    main()
