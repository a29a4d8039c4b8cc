-- The read-only user of the dashboards on a ClickHouse server of your own; set the password before you run it.
-- The plugin sends max_execution_time with each query: a user with readonly = 1 may change it if the profile says so.
CREATE SETTINGS PROFILE IF NOT EXISTS `ackstream_dashboards`
    SETTINGS readonly = 1, max_execution_time = 60 CHANGEABLE_IN_READONLY, max_memory_usage = 4294967296;
CREATE USER IF NOT EXISTS `dashboards` IDENTIFIED BY 'the password' SETTINGS PROFILE `ackstream_dashboards`;
GRANT SELECT ON `ackstream`.* TO `dashboards`;
GRANT SELECT ON system.time_zones TO `dashboards`;
