-- Rows of CSV files. New lines and new files are read as they come.
CREATE STREAM readings (
    sensor   VARCHAR NOT NULL,
    celsius  DOUBLE,
    read_at  TIMESTAMP NOT NULL,
    WATERMARK FOR read_at AS read_at - INTERVAL '1 minute',
    CONSTRAINT physical EXPECT (celsius > -273.15) ON VIOLATION QUARANTINE
) WITH (format = 'csv');

CREATE SOURCE reading_files INTO readings FROM FILES (PATH 'data/*.csv', FORMAT 'csv', FOLLOW true);

CREATE MATERIALIZED VIEW by_sensor AS
SELECT sensor, count(*) AS readings, avg(celsius) AS mean_celsius FROM readings GROUP BY sensor;
