"""The services that `make up` starts without containers: Kafka, ClickHouse and our processes under a supervisor."""
