# ruff: noqa: S608  (numbers and names of this module alone are put in)
"""Fills the tables that panels read with many messages, as the product would have left them.

Units are inserted into `cohort_log` with everything that the copy writes: a live row at the day of the cohort, a row
`gone` at each other day on which a status came. Deliveries are inserted into `delivery_time_log`. The product itself
makes the rollups then. All facts of a message are a function of its number.

The shape: 20 sources, `source-0` with 30 % and `source-1` with 8 % of it; 90 days up to now; of 20 messages two are
inbound and one answers them, twelve belong to campaigns (one a source every second day, sent within three hours), five
are transactional over the day; 30 templates, 8 countries, 2.5 % failures of seven codes, 3.5 % that stay pending, reads
up to days later, 5 % without a sent record, 1 % to groups of three; a person gets five messages.
"""

from collections.abc import Iterator

from clickhouse_connect.driver import Client

DAYS = 90
BLOCK = 500_000
LARGE, SMALL = "source-0", "source-1"

_COUNTRIES = "[('55','BR'),('49','DE'),('91','IN'),('52','MX'),('44','GB'),('62','ID'),('34','ES'),('977','NP')]"
_CODES = "['131026','131049','131047','130472','132001','131053','990001']"

# One row a message; `h` are its random numbers, `g` those that it shares with the other 19 messages of its pack.
_MESSAGES = f"""
SELECT
    number AS n, n % 20 AS place,
    arrayMap(k -> sipHash64(n, k), range(13)) AS h,
    arrayMap(k -> sipHash64(intDiv(n, 20), 77, k), range(6)) AS g,
    if(place < 3, g[1], h[1]) % 1000 AS lot,
    multiIf(lot < 300, 0, lot < 380, 1, 2 + lot % 18) AS place_of_source,
    concat('source-', toString(place_of_source)) AS source,
    place IN (0, 1) AS inbound, place = 2 AS answer, place BETWEEN 3 AND 14 AS bulk,
    NOT inbound AND n % 300 = 19 AS is_group,
    h[2] % 45 AS round, sipHash64(place_of_source, round) AS c,
    multiIf(
        inbound OR answer, g[2] % (86400000 * {DAYS}),
        bulk, (2 * round + c % 2) * 86400000 + (32 + c % 36) * 900000
            + toUInt64(10800000 * pow(h[3] % 100000 / 100000, 2)),
        (h[3] % {DAYS}) * 86400000 + (h[4] % 43200000) + (h[5] % 43200000)) AS early,
    early + multiIf(
        place = 1, 5000 + g[3] % 600000,
        answer, 1000 * toUInt64(exp(g[4] % 120000 / 10000)),
        0) AS at_ms,
    {{start}} + toIntervalMillisecond(at_ms) AS at,
    h[6] % 1000 AS fate,
    multiIf(inbound, '', fate < 25, 'failed', fate < 60, 'sent', fate < 330, 'delivered', 'read') AS status,
    status IN ('delivered', 'read') AS is_delivered, status = 'read' AS is_read, status = 'failed' AS is_failed,
    multiIf(inbound OR answer, g[5], h[7]) % {{people}} AS person,
    {_COUNTRIES}[person % 8 + 1] AS home,
    concat('+', home.1, toString(100000000 + person)) AS phone,
    toInt64(1000 * (1 + toUInt64(exp(h[8] % 70000 / 10000)))) AS delivered_ms,
    delivered_ms + toInt64(1000 * toUInt64(exp(h[9] % 130000 / 10000))) AS read_ms,
    NOT inbound AND h[10] % 100 >= 5 AS has_record,
    concat('wamid.', lower(hex(sipHash128(n)))) AS message_id
FROM numbers_mt({{first}}, {{count}})
"""

# Messages and statuses after the present time are left out.
_UNITS = f"""
INSERT INTO cohort_log (source, cohort_at, message_id, participant, provider, account, direction, origin, counted,
    is_group, customer, country, recipient, type, template, campaign, category, pricing_category, pricing_type,
    billable, sent_at, delivered_at, read_at, failed_at, to_delivered_ms, to_read_ms, error_code, status, first_seen_at,
    last_event_at, version, gone)
SELECT source, if(day = toDate(at), at, toDateTime64(day, 3, 'UTC')), message_id, participant, 'meta',
    concat('70060050040', toString(100 + 2 * place_of_source + person % 2)), if(inbound, 'in', 'out'),
    if(has_record, 'api', 'none'), NOT inbound AND NOT (is_group AND participant = ''), is_group,
    if(is_group, '', phone), if(is_group, '', home.2), if(inbound OR is_group, '', phone), 'text',
    multiIf(inbound OR answer OR NOT has_record, '', bulk, concat('template-', toString(c % 30)),
        concat('template-', toString((place_of_source * 7 + h[11] % 5) % 30))) AS template,
    if(bulk AND has_record, concat('campaign-', toString(place_of_source), '-', toString(round)), ''),
    multiIf(template = '', '', bulk, 'marketing', 'utility'),
    multiIf(NOT is_delivered, '', answer, 'service', bulk, 'marketing', 'utility'),
    multiIf(NOT is_delivered, '', answer, 'free_customer_service', 'regular'),
    if(is_delivered, toInt8(NOT answer), -1),
    if(inbound, NULL, at), if(is_delivered, at + toIntervalMillisecond(delivered_ms), NULL) AS delivered_at,
    if(is_read, at + toIntervalMillisecond(read_ms), NULL) AS read_at,
    if(is_failed, at + toIntervalSecond(2), NULL) AS failed_at,
    if(is_delivered, delivered_ms, NULL), if(is_read, read_ms, NULL),
    if(is_failed, {_CODES}[h[12] % 7 + 1], ''), status, at, coalesce(read_at, delivered_at, failed_at, at),
    toUInt64(2 + is_delivered + is_read), day != toDate(at)
FROM ({_MESSAGES})
ARRAY JOIN
    if(is_group, ['', 'member-1', 'member-2', 'member-3'], ['']) AS participant
ARRAY JOIN
    arrayDistinct(arrayMap(x -> toDate(ifNull(x, at)), [at, delivered_at, read_at])) AS day
WHERE at < {{end}}
"""

# A sent record, and a webhook for each status or inbound message, 2 % of them twice within the hour.
_DELIVERIES = f"""
INSERT INTO delivery_time_log (source, received_at, event_id, delivery, kind, promptness)
SELECT source, at + toIntervalMillisecond(event.2 + 300 + h[13] % 700 + 60000 * again),
    reinterpret(sipHash128(n, event.1, event.2), 'UUID'), toUInt32(again), event.1,
    4294967295 - toUInt32(400 + exp(h[12] % 60000 / 10000) + if(h[11] % 200 = 0, h[10] % 9000, 0))
FROM ({_MESSAGES})
ARRAY JOIN arrayFilter(x -> x.3, [
    ('inbound', toInt64(0), inbound), ('sent', toInt64(0), has_record), ('status', toInt64(1000), NOT inbound),
    ('status', delivered_ms, is_delivered), ('status', read_ms, is_read)]) AS event
ARRAY JOIN if(h[10] % 50 = 0, [0, 1], [0]) AS again
WHERE at + toIntervalMillisecond(event.2) < {{end}}
"""

_REPEATS = """
INSERT INTO cohort_log ({columns}) SELECT {replaced} FROM cohort_log WHERE sipHash64(message_id) % 20 = 0
"""

# Every 10 s of 90 days, one series a statement: rows that come in their order are stored fastest.
_SAMPLES = f"""
INSERT INTO samples
SELECT {{end}} - toIntervalSecond(10 * number), '{{name}}', '{{part}}', '{{source}}', toFloat64(intHash32(number) % 100)
FROM numbers_mt({DAYS * 8640})
"""
_SERIES = [
    *((name, stage, "") for name in ("lag_records", "oldest_unfinished_seconds") for stage in ("normalise", "load")),
    *((name, "", "") for name in ("store_up", "in_flight_bytes", "sample_seconds")),
    *((*series, f"source-{number}") for series in (("requests", "stored"), ("bytes", "")) for number in range(20)),
]

_SYSTEM = """
INSERT INTO system_log (source, occurred_at, event_id, provider, account, received_at, event, state, raw_state,
    reason_code, version)
SELECT concat('source-', toString(number % 20)), {end} - toIntervalMinute(13 * number),
    reinterpret(sipHash128(number), 'UUID'), 'meta', '70060050040101', {end} - toIntervalMinute(13 * number),
    ['connection', 'phone_number_quality_update', 'message_template_status_update'][number % 3 + 1],
    ['connected', 'disconnected', 'limited', 'ok'][sipHash64(number) % 4 + 1], '', '', 1
FROM numbers(10000)
"""

_DEAD = """
INSERT INTO dead_letter_log (source, provider, received_at, request_id, raw, reason, detail, excerpt)
SELECT concat('source-', toString(number % 20)), 'meta', {end} - toIntervalMinute(26 * number), toString(number),
    ('wa.raw', 0, number, 0), ['not-json', 'no-events'][number % 2 + 1], '', ''
FROM numbers(5000)
"""


def fill(client: Client, messages: int) -> Iterator[str]:
    """Fills empty tables with `messages` messages up to the present time; yields a text after each step."""
    now = client.command("SELECT toString(now64(3, 'UTC'))")
    end = f"toDateTime64('{now}', 3, 'UTC')"
    bounds = {"start": f"toStartOfDay({end} - INTERVAL {DAYS - 1} DAY)", "end": end, "people": max(1, messages // 5)}
    for name, statement in (("units", _UNITS), ("deliveries", _DELIVERIES)):
        for first in range(0, messages, BLOCK):
            client.command(statement.format(first=first, count=min(BLOCK, messages - first), **bounds))
        yield f"{name} of {messages:,} messages"
    for statement in (_SYSTEM, _DEAD):
        client.command(statement.format(end=end))
    for name, part, source in _SERIES:
        client.command(_SAMPLES.format(end=end, name=name, part=part, source=source))
    yield "samples, system events, dead letters"


def repeat(client: Client) -> None:
    """Writes a later version of 5 % of the units with equal content, as after one more status of each."""
    client.command("SYSTEM STOP MERGES cohort_log")
    found = client.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'cohort_log' "
        "AND default_kind = '' ORDER BY position"
    )
    names = [name for (name,) in found.result_rows]
    replaced = ["version + 1" if name == "version" else name for name in names]
    client.command(_REPEATS.format(columns=", ".join(names), replaced=", ".join(replaced)))
