"""The headers of one record of `wa.raw`."""

RecordHeaders = list[tuple[str, bytes]]
