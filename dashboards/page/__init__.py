"""The page: a small web server that shows the panels. It queries ClickHouse as the read-only user."""
