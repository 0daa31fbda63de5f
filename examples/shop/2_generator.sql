-- One shop, in whose making all of these take part: its history first, as fast as can be, then what happens now.
CREATE SOURCE page_views_demo INTO page_views
FROM GENERATOR (MODEL 'shop', SEED ${seed}, DAYS ${days}, VISITS ${visits}, START '${start}', LIVE ${live});

CREATE SOURCE cart_events_demo INTO cart_events
FROM GENERATOR (MODEL 'shop', SEED ${seed}, DAYS ${days}, VISITS ${visits}, START '${start}', LIVE ${live});

CREATE SOURCE exposures_demo INTO exposures
FROM GENERATOR (MODEL 'shop', SEED ${seed}, DAYS ${days}, VISITS ${visits}, START '${start}', LIVE ${live});

CREATE SOURCE orders_demo INTO orders
FROM GENERATOR (MODEL 'shop', SEED ${seed}, DAYS ${days}, VISITS ${visits}, START '${start}', LIVE ${live});

CREATE SOURCE order_items_demo INTO order_items
FROM GENERATOR (MODEL 'shop', SEED ${seed}, DAYS ${days}, VISITS ${visits}, START '${start}', LIVE ${live});

CREATE SOURCE payments_demo INTO payments
FROM GENERATOR (MODEL 'shop', SEED ${seed}, DAYS ${days}, VISITS ${visits}, START '${start}', LIVE ${live});

CREATE SOURCE chargebacks_demo INTO chargebacks
FROM GENERATOR (MODEL 'shop', SEED ${seed}, DAYS ${days}, VISITS ${visits}, START '${start}', LIVE ${live});

CREATE SOURCE customer_changes_demo INTO customer_changes
FROM GENERATOR (MODEL 'shop', STREAM 'customers', SEED ${seed}, DAYS ${days}, VISITS ${visits}, START '${start}', LIVE ${live});

CREATE SOURCE product_feed_demo INTO product_feed
FROM GENERATOR (MODEL 'shop', STREAM 'products', SEED ${seed}, DAYS ${days}, VISITS ${visits}, START '${start}', LIVE ${live});

CREATE SOURCE truths_demo INTO truths
FROM GENERATOR (MODEL 'shop', SEED ${seed}, DAYS ${days}, VISITS ${visits}, START '${start}', LIVE ${live});
