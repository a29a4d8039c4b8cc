"""ClickHouse's engine in one process behind ClickHouse's HTTP interface, for the local stack.

`python -m deploy.local.clickhouse_server --data DIR --port N --users FILE` serves what clickhouse-connect, curl and
Grafana's ClickHouse plugin speak. The engine is chDB; everything around it (HTTP, users, limits, streaming) is here.
"""
