"""One process of the edge: its start and end, its port, its siblings, its log."""

import asyncio
import json
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable

import pytest
from aiohttp import ClientError, ClientSession

from tests.ingest.conftest import StartEdge
from tests.ingest.edge_process import SECRETS, SENT_TOKEN, VERIFY_TOKEN, EdgeProcess, RawTopic, headers
from tests.support.waiting import until

Signed = Callable[..., dict[str, str]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_graceful_stop_under_load_loses_no_200(
    number: signal.Signals, start_edge: StartEdge, http: ClientSession, raw: RawTopic
) -> None:
    edge = start_edge(spool=False).start().wait()
    answered: list[str] = []
    refused: Counter[int] = Counter()

    async def client(name: int) -> None:
        sequence = 0
        while True:
            sequence += 1
            try:
                async with http.post(f"{edge.url}/webhooks/open", data=b"%d-%d" % (name, sequence)) as answer:
                    if answer.status == 200:
                        answered.append(answer.headers["X-Request-Id"])
                    else:
                        refused[answer.status] += 1
            except (ClientError, OSError):
                return  # the port is closed

    clients = [asyncio.create_task(client(name)) for name in range(40)]

    async def busy() -> bool:
        return len(answered) > 500

    await until("500 are answered", busy)
    os.kill(edge.pid, number)
    await asyncio.gather(*clients)
    assert await asyncio.to_thread(edge.processes[0].wait, 60) == 0
    stored = Counter(headers(record)["request_id"] for record in await raw.records())
    assert set(answered) <= set(stored)
    assert set(stored.values()) == {1}
    assert not refused


async def test_a_body_that_is_being_sent_when_the_stop_is_requested_is_stored(
    start_edge: StartEdge, raw: RawTopic
) -> None:
    edge = start_edge(spool=False).start().wait()
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    writer.write(b"POST /webhooks/open HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf")
    await writer.drain()
    # The answer on a second connection, opened later, shows that the first one was accepted.
    assert edge.status("/healthz") == 200
    os.kill(edge.pid, signal.SIGTERM)

    async def closed() -> bool:
        return edge.status("/healthz") == 0

    await until("the port is closed", closed)
    writer.write(b"half")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" in head
    assert await asyncio.to_thread(edge.processes[0].wait, 60) == 0
    assert [record.value for record in await raw.records()] == [b"halfhalf"]


@pytest.mark.parametrize(("spool", "status"), [(True, 200), (False, 503)])
async def test_it_stops_in_time_without_kafka(
    spool: bool, status: int, start_edge: StartEdge, http: ClientSession
) -> None:
    edge = start_edge(bootstrap="127.0.0.1:1", spool=spool).start().wait("/healthz")
    async with http.post(f"{edge.url}/webhooks/open", data=b"x") as answer:
        assert answer.status == status
    assert edge.close() == [0]


async def test_two_processes_share_a_port_and_their_metrics(start_edge: StartEdge, raw: RawTopic) -> None:
    edge = start_edge(processes=2).start(0).wait().start(1)

    async def both() -> bool:
        return edge.log.count('"message":"listening"') == 2 and edge.log.count('"message":"store_up"') == 2

    await until("both listen", both)
    for _ in range(60):
        # A connection each: the kernel spreads connections, not requests.
        async with ClientSession() as one, one.post(f"{edge.url}/webhooks/open", data=b"12345") as answer:
            assert answer.status == 200
    async with ClientSession() as one, one.get(f"{edge.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    assert 'ingest_requests_total{outcome="stored",provider="zapini",source="open"} 60.0' in lines
    assert 'ingest_bytes_total{provider="zapini",source="open"} 300.0' in lines
    assert "ingest_stored_records_total 60.0" in lines
    assert "ingest_request_seconds_count 60.0" in lines
    assert "ingest_store_up 1.0" in lines
    assert len(await raw.records()) == 60
    files = {file.name for file in (edge.folder / ".ackstream" / "metrics" / "ingest").iterdir()}
    assert {"counter_0.db", "counter_1.db"} <= files

    edge.processes[1].kill()
    edge.processes[1].wait()
    edge.start(1)

    async def restarted() -> bool:
        return edge.log.count('"message":"listening"') == 3

    await until("the second is back", restarted)
    async with ClientSession() as one, one.get(f"{edge.url}/metrics") as answer:
        assert "ingest_stored_records_total 60.0" in await answer.text()
    assert edge.close() == [0, -signal.SIGKILL, 0]
    edge.start(0)

    async def fresh() -> bool:
        return "ingest_stored_records_total 0.0" in await _metrics(edge)

    await until("a fresh start counts from zero", fresh)


async def _metrics(edge: EdgeProcess) -> str:
    try:
        async with ClientSession() as one, one.get(f"{edge.url}/metrics") as answer:
            return await answer.text()
    except ClientError:
        return ""


@pytest.mark.parametrize("processes", [1, 2])
def test_a_port_taken_by_another_program_is_one_sentence(processes: int, start_edge: StartEdge) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        stderr = start_edge(port=port, processes=processes).failed_start()
    assert stderr == (
        f"ackstream: port {port} on 127.0.0.1 is taken by another program: stop it, or set ingest.port "
        "(ACKSTREAM_INGEST_PORT) to a free one\n"
    )


@pytest.mark.parametrize("processes", [1, 2])
def test_two_data_folders_do_not_share_a_port(processes: int, start_edge: StartEdge) -> None:
    first = start_edge(name="one", processes=processes).start().wait("/healthz")
    second = start_edge(name="two", processes=processes, port=first.port)
    assert "is taken by another program" in second.failed_start()
    assert first.status("/healthz") == 200


def test_an_instance_runs_once(start_edge: StartEdge) -> None:
    edge = start_edge(processes=2).start().wait("/healthz")
    assert "instance 0 of ingest already runs" in edge.failed_start(0)
    assert "--instance 2: ingest.processes = 2, so use 0 to 1" in edge.failed_start(2)


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        ('[sources.x]\nprovider = "nope"', "sources.x.provider: there is no provider 'nope': use one of 360dialog, "),
        (
            '[sources.x]\nprovider = "meta"\nsecrets = [{ env = "T_ABSENT" }]',
            "sources.x.secrets: the environment variable T_ABSENT is not set: set it to the secret",
        ),
        (
            '[sources.x]\nprovider = "meta"\nsent_tokens = [{ file = "absent" }]',
            "absent: cannot read the secret (No such file or directory): write the secret into this file",
        ),
    ],
)
def test_a_source_that_cannot_work_is_one_sentence(sources: str, sentence: str, start_edge: StartEdge) -> None:
    stderr = start_edge(sources=sources).failed_start()
    assert sentence in stderr
    assert len(stderr.splitlines()) == 1
    assert stderr.startswith("ackstream: ")


def test_an_unwritable_data_folder_is_one_sentence(start_edge: StartEdge) -> None:
    edge = start_edge()
    (edge.folder / ".ackstream").write_text("a file where the folder should be")
    assert "set data_dir to a folder that you may write to" in edge.failed_start()


async def test_secrets_and_phones_stay_out_of_logs_and_errors(
    start_edge: StartEdge, http: ClientSession, signed: Signed
) -> None:
    edge = start_edge().start().wait()
    body = b'{"from":"491510000042","text":"geheim"}'
    answers = []
    for method, path, given in (
        ("POST", "/webhooks/meta", signed(body)),
        ("POST", "/webhooks/meta?token=query-secret", {"X-Hub-Signature-256": "sha256=" + "1" * 64}),
        ("POST", "/webhooks/wasender", {"X-Webhook-Signature": "nearly-" + SECRETS[2]}),
        ("POST", "/sent/meta", {"Authorization": f"Bearer {SENT_TOKEN}"}),
        ("POST", "/sent/meta", {"Authorization": f"Bearer {SENT_TOKEN}x"}),
        ("GET", f"/webhooks/meta?hub.mode=subscribe&hub.verify_token={VERIFY_TOKEN}&hub.challenge=1", {}),
        ("GET", f"/webhooks/meta?hub.mode=subscribe&hub.verify_token={VERIFY_TOKEN}x&hub.challenge=1", {}),
        ("GET", "/nowhere?query-secret", {}),
    ):
        async with http.request(
            method, edge.url + path, data=body if method == "POST" else None, headers=given
        ) as answer:
            answers.append(await answer.text())
    text = "".join(answers) + await _metrics(edge)
    edge.close()
    for line in edge.log.splitlines():
        assert set(json.loads(line)) >= {"at", "level", "logger", "message"}
    for word in (*SECRETS, "491510000042", "geheim", "query-secret", "hub.verify_token"):
        assert word not in edge.log
        assert word not in text
    assert '"message":"unsigned","source":"open","provider":"zapini"' in edge.log
