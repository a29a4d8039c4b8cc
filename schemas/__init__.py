"""The contract in code: events, providers, topics, tables, settings. Imports no client library."""
