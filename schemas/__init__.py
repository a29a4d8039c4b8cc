"""The contract in code: events, providers, topics, tables, settings. Pure; imports no client library."""
