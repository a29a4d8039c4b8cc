"""Stock Faust commits past an unacknowledged message, which a restart then loses; our consumer does not."""

import subprocess
import sys
from pathlib import Path

from aiokafka import AIOKafkaProducer

from deploy.admin.topics import ensure_topics
from deploy.local.kafka.broker import Broker
from schemas.topics import RAW
from tests.e2e.commit_hole import NEVER, RECORDS

ROOT = Path(__file__).parents[2]


async def test_no_offset_is_committed_past_an_unacknowledged_record(tmp_path: Path) -> None:
    with Broker(tmp_path / "kafka") as broker:
        await ensure_topics(broker.bootstrap, 1, 1, -1, (RAW,))
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
        await producer.start()
        for number in range(RECORDS):
            await producer.send(RAW.name, b"%d" % number, partition=0)
        await producer.stop()
        assert committed_by("stock", broker, tmp_path) == RECORDS
        assert committed_by("ours", broker, tmp_path) == NEVER


def committed_by(kind: str, broker: Broker, folder: Path) -> int:
    """The committed offset of a worker of this kind, which is then killed."""
    command = [sys.executable, "-m", "tests.e2e.commit_hole", broker.bootstrap, str(folder / kind), kind]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stderr is not None
        line = worker.stdout.readline()
        worker.kill()
        assert "committed" in line, worker.stderr.read()
    return int(line.split()[-1])
