-- A keyed table to look rows up in.
CREATE STREAM sightings (id BIGINT NOT NULL) WITH (format = 'json');

CREATE SOURCE sighting_files INTO sightings FROM FILES (PATH '${keys}', FORMAT 'json');

CREATE MATERIALIZED VIEW seen AS SELECT id, count(*) AS times FROM sightings GROUP BY id;
