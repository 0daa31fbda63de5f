-- Events of 1,024 bytes of JSON, from many producers.
CREATE STREAM events (
    id       BIGINT,
    producer INT,
    sent_us  BIGINT,
    payload  VARCHAR
)
WITH (format = 'json');
