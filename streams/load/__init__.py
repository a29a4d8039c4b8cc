"""Stage 2: events and dead letters go to ClickHouse, events also into the lifecycle rows of wa.messages."""
