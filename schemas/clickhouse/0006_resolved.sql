-- A later try understood the element: its letter stays in the log, and counts no more.
CREATE OR REPLACE VIEW dead_letters AS SELECT * FROM dead_letter_log FINAL WHERE reason != 'resolved';
