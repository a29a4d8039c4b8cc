"""Stream processors: raw bodies become canonical events, events become lifecycle rows and ClickHouse rows."""
