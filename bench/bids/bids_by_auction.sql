-- What Flink's side computes, too: count, sum and mean by auction in windows of 10 s.
CREATE MATERIALIZED VIEW bids_by_auction AS
SELECT auction, window_end, count(*) AS bids, sum(price) AS total, avg(price) AS mean
FROM TUMBLE(bids, date_time, INTERVAL '10 seconds')
GROUP BY auction, window_start, window_end;
