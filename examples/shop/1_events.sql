-- What the shop sends. A generator makes it up here; in a shop of yours clients and databases would send the same.
-- docs/shop.md says what is in it.

-- Every look at a page. Clients are not clean: some views come late, some twice, and some can't be read.
CREATE STREAM page_views (
    event_id   BIGINT NOT NULL,
    visitor_id BIGINT NOT NULL,
    page       VARCHAR NOT NULL,
    product_id BIGINT,
    device     VARCHAR NOT NULL,
    referrer   VARCHAR NOT NULL,
    viewed_at  TIMESTAMP NOT NULL,
    WATERMARK FOR viewed_at AS viewed_at - INTERVAL '10 minutes'
)
PARTITION KEY (visitor_id)
WITH (format = 'csv');

CREATE STREAM cart_events (
    event_id   BIGINT NOT NULL,
    visitor_id BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    quantity   INT NOT NULL,
    added_at   TIMESTAMP NOT NULL,
    WATERMARK FOR added_at AS added_at - INTERVAL '10 minutes'
)
WITH (format = 'csv');

-- Which of the two checkouts a visitor was given.
CREATE STREAM exposures (
    visitor_id BIGINT NOT NULL,
    experiment VARCHAR NOT NULL,
    variant    VARCHAR NOT NULL,
    exposed_at TIMESTAMP NOT NULL,
    WATERMARK FOR exposed_at AS exposed_at - INTERVAL '10 minutes'
)
WITH (format = 'csv');

CREATE STREAM orders (
    order_id    BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    country     VARCHAR NOT NULL,
    amount      DECIMAL(12, 2) NOT NULL,
    ordered_at  TIMESTAMP NOT NULL,
    WATERMARK FOR ordered_at AS ordered_at - INTERVAL '1 minute',
    CONSTRAINT amount_is_positive EXPECT (amount > 0) ON VIOLATION QUARANTINE
)
WITH (format = 'csv');

CREATE STREAM order_items (
    order_id   BIGINT NOT NULL,
    line       INT NOT NULL,
    product_id BIGINT NOT NULL,
    quantity   INT NOT NULL,
    price      DECIMAL(12, 2) NOT NULL,
    ordered_at TIMESTAMP NOT NULL,
    WATERMARK FOR ordered_at AS ordered_at - INTERVAL '1 minute'
)
WITH (format = 'csv');

-- Each attempt to pay. An order may take several.
CREATE STREAM payments (
    payment_id   BIGINT NOT NULL,
    order_id     BIGINT NOT NULL,
    customer_id  BIGINT NOT NULL,
    method       VARCHAR NOT NULL,
    amount       DECIMAL(12, 2) NOT NULL,
    country      VARCHAR NOT NULL,
    card_country VARCHAR NOT NULL,
    device       VARCHAR NOT NULL,
    status       VARCHAR NOT NULL,
    paid_at      TIMESTAMP NOT NULL,
    WATERMARK FOR paid_at AS paid_at - INTERVAL '1 minute'
)
WITH (format = 'csv');

-- Payments that whose card it was wants back, weeks later.
CREATE STREAM chargebacks (
    payment_id  BIGINT NOT NULL,
    reported_at TIMESTAMP NOT NULL,
    WATERMARK FOR reported_at AS reported_at - INTERVAL '1 minute'
)
WITH (format = 'csv');

-- Accounts as they change: I is a new one, U another tier.
CREATE STREAM customer_changes (
    customer_id BIGINT NOT NULL,
    op          VARCHAR NOT NULL,
    tier        VARCHAR NOT NULL,
    country     VARCHAR NOT NULL,
    city        VARCHAR NOT NULL,
    changed_at  TIMESTAMP NOT NULL,
    WATERMARK FOR changed_at AS changed_at - INTERVAL '1 minute'
)
WITH (format = 'csv');

-- The supplier's feed: all products, every night at three.
CREATE STREAM product_feed (
    product_id BIGINT NOT NULL,
    category   VARCHAR,
    price      DECIMAL(12, 2),
    stock      INT NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    WATERMARK FOR updated_at AS updated_at - INTERVAL '1 minute'
)
WITH (format = 'csv');

-- What there is to be found. No view of this project reads it: it is for those who check what was found.
CREATE STREAM truths (
    kind       VARCHAR NOT NULL,
    subject_id BIGINT,
    detail     VARCHAR,
    number     DOUBLE,
    begins_at  TIMESTAMP NOT NULL,
    ends_at    TIMESTAMP
)
WITH (format = 'csv', max_future = 'none');
