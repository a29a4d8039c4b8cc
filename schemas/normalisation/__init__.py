"""From stored records to canonical events and dead letters, without any service.

raw_topic     a record of wa.raw: a webhook body, or a body of /sent
sent_topic    a record of wa.sent
sent_records  what a sent record must look like
dead_letters  dead letters, and the excerpt of a body that they contain
explain       the same for one HTTP request, authentication included
"""
