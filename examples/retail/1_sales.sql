-- Every line of every invoice of a shop, in the order in which they were written.
CREATE STREAM sales (
    InvoiceNo   VARCHAR NOT NULL,           -- begins with C where it takes back an earlier one
    StockCode   VARCHAR NOT NULL,
    Description VARCHAR,
    Quantity    INT NOT NULL,
    InvoiceDate TIMESTAMP NOT NULL,
    UnitPrice   DECIMAL(12,3) NOT NULL,
    CustomerID  BIGINT,
    Country     VARCHAR NOT NULL,
    WATERMARK FOR InvoiceDate AS InvoiceDate - INTERVAL '1 minute'
)
PARTITION KEY (InvoiceNo)
WITH (partitions = 2, format = 'csv');

-- Two sources; the setting `data` decides which one runs.
CREATE SOURCE sales_files INTO sales
FROM FILES (PATH '${data}/*.csv', FORMAT 'csv', SPEED ${speed})
WITH (enabled = '${data}' <> '');

CREATE SOURCE sales_demo INTO sales
FROM GENERATOR (ROWS ${rows}, RATE ${rate}, SEED 7, FIELDS (
    InvoiceNo   = 'sequence(536365, 20)',
    StockCode   = 'pattern(''2####'')',
    Description = 'null(0.003, choice(''WHITE HANGING HEART T-LIGHT HOLDER'' 3, ''REGENCY CAKESTAND 3 TIER'' 2, ''JUMBO BAG RED RETROSPOT'' 2, ''PARTY BUNTING'', ''LUNCH BAG RED RETROSPOT'', ''POSTAGE''))',
    Quantity    = 'integer(-2, 24)',
    InvoiceDate = 'time(''2010-12-01 08:26:00'', ''60 seconds'')',
    UnitPrice   = 'decimal(-0.010, 12.990, 3)',
    CustomerID  = 'null(0.25, integer(12346, 18287))',
    Country     = 'choice(''United Kingdom'' 91, ''Germany'' 2, ''France'' 2, ''EIRE'' 2, ''Spain'', ''Netherlands'', ''Belgium'')'
))
WITH (enabled = '${data}' = '');
