-- An auction house after Nexmark: persons who sell and bid, what they offer, and their bids. Events are lines of JSON in
-- four files below ${events}; the test of this project makes them with the crate nexmark (events.rs says how), and any
-- generator of Nexmark has the same fields.
CREATE STREAM person (
    id            BIGINT NOT NULL,
    name          VARCHAR,
    email_address VARCHAR,
    credit_card   VARCHAR,
    city          VARCHAR,
    state         VARCHAR,
    date_time     TIMESTAMP NOT NULL,
    extra         VARCHAR,
    WATERMARK FOR date_time AS date_time - INTERVAL '4 seconds'
)
WITH (format = 'json');

CREATE STREAM auction (
    id          BIGINT NOT NULL,
    item_name   VARCHAR,
    description VARCHAR,
    initial_bid BIGINT,
    reserve     BIGINT,
    date_time   TIMESTAMP NOT NULL,
    expires     TIMESTAMP,
    seller      BIGINT,
    category    BIGINT,
    extra       VARCHAR,
    WATERMARK FOR date_time AS date_time - INTERVAL '4 seconds'
)
WITH (format = 'json');

CREATE STREAM bid (
    auction   BIGINT NOT NULL,
    bidder    BIGINT NOT NULL,
    price     BIGINT,
    channel   VARCHAR,
    url       VARCHAR,
    date_time TIMESTAMP NOT NULL,
    extra     VARCHAR,
    WATERMARK FOR date_time AS date_time - INTERVAL '4 seconds'
)
WITH (format = 'json', partitions = 2);

-- Names of keys, for q13.
CREATE STREAM side_input (key BIGINT NOT NULL, value VARCHAR) WITH (format = 'json');

CREATE SOURCE persons INTO person FROM FILES (PATH '${events}/persons.json', FORMAT 'json');
CREATE SOURCE auctions INTO auction FROM FILES (PATH '${events}/auctions.json', FORMAT 'json');
CREATE SOURCE bids INTO bid FROM FILES (PATH '${events}/bids.json', FORMAT 'json');
CREATE SOURCE side_inputs INTO side_input FROM FILES (PATH '${events}/side_inputs.json', FORMAT 'json');
