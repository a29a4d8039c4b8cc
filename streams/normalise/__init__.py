"""Stage 1: records of wa.raw and wa.sent become canonical events on wa.events, or dead letters on wa.dead."""
