-- What has become visible of each producer.
CREATE MATERIALIZED VIEW events_by_producer AS SELECT producer, count(*) AS events FROM events GROUP BY producer;
