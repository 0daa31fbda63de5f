//! Events of the crate nexmark as this project reads them: for its test and for its measurement, which both include this
//! file. Streams and times alone are decided here, not how many events there are, nor where they go.

use nexmark::event::Event;
use serde_json::{Value, json};

/// The stream of an event, and the event; `time` gives an event's time as text.
pub fn told(event: Event, time: impl Fn(u64) -> String) -> (&'static str, Value) {
    match event {
        Event::Person(person) => (
            "person",
            json!({"id": person.id, "name": person.name, "email_address": person.email_address,
                "credit_card": person.credit_card, "city": person.city, "state": person.state.to_uppercase(),
                "date_time": time(person.date_time), "extra": person.extra}),
        ),
        Event::Auction(auction) => (
            "auction",
            json!({"id": auction.id, "item_name": auction.item_name, "description": auction.description,
                "initial_bid": auction.initial_bid, "reserve": auction.reserve, "date_time": time(auction.date_time),
                "expires": time(auction.expires), "seller": auction.seller, "category": auction.category,
                "extra": auction.extra}),
        ),
        Event::Bid(bid) => (
            "bid",
            json!({"auction": bid.auction, "bidder": bid.bidder, "price": bid.price, "channel": bid.channel,
                "url": bid.url, "date_time": time(bid.date_time), "extra": bid.extra}),
        ),
    }
}

/// A moment of so many milliseconds behind 2023-11-14 22:13:20 UTC, as these events name it.
pub fn time_text(after_ms: u64) -> String {
    // Far from the ends of what a date can be, however long a generator runs.
    let at = chrono::DateTime::from_timestamp_millis(1_700_000_000_000_i64.saturating_add(after_ms as i64));
    at.unwrap_or_default().format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}
