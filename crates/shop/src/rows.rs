//! What happens in the shop, as rows of streams: all that others know of it. How rows become bytes is not known here.

use crate::event::{Event, Incident, View, What};

/// The streams of a shop. Who looks for truths does not read `truths`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    Customers,
    Products,
    PageViews,
    CartEvents,
    Exposures,
    Orders,
    OrderItems,
    Payments,
    Chargebacks,
    Truths,
}

/// A column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Bigint,
    Varchar,
    /// With two places.
    Decimal,
    Double,
    /// With microseconds.
    Timestamp,
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    Null,
    Number(i64),
    Text(&'static str),
    /// Hundredths.
    Cents(i64),
    Share(f64),
    /// Microseconds since the Unix epoch.
    Time(i64),
}

use Type::{Bigint, Decimal, Double, Timestamp, Varchar};
use Value::{Cents, Null, Number, Share, Text, Time};

/// Names and types of columns, and whether they may be NULL.
pub type Columns = &'static [(&'static str, Type, bool)];

const PAGE_VIEWS: Columns = &[
    ("event_id", Bigint, false),
    ("visitor_id", Bigint, false),
    ("page", Varchar, false),
    ("product_id", Bigint, true),
    ("device", Varchar, false),
    ("referrer", Varchar, false),
    ("viewed_at", Timestamp, false),
];

const PAYMENTS: Columns = &[
    ("payment_id", Bigint, false),
    ("order_id", Bigint, false),
    ("customer_id", Bigint, false),
    ("method", Varchar, false),
    ("amount", Decimal, false),
    ("country", Varchar, false),
    ("card_country", Varchar, false),
    ("device", Varchar, false),
    ("status", Varchar, false),
    ("paid_at", Timestamp, false),
];

impl Stream {
    pub const ALL: [Stream; 10] = [
        Stream::Customers,
        Stream::Products,
        Stream::PageViews,
        Stream::CartEvents,
        Stream::Exposures,
        Stream::Orders,
        Stream::OrderItems,
        Stream::Payments,
        Stream::Chargebacks,
        Stream::Truths,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Stream::Customers => "customers",
            Stream::Products => "products",
            Stream::PageViews => "page_views",
            Stream::CartEvents => "cart_events",
            Stream::Exposures => "exposures",
            Stream::Orders => "orders",
            Stream::OrderItems => "order_items",
            Stream::Payments => "payments",
            Stream::Chargebacks => "chargebacks",
            Stream::Truths => "truths",
        }
    }

    /// The streams in which something is a row, or several.
    pub fn of(what: &What) -> &'static [Stream] {
        match what {
            What::View(_) | What::Garbage => &[Stream::PageViews],
            What::Cart { .. } => &[Stream::CartEvents],
            What::Exposure { .. } => &[Stream::Exposures],
            What::Order { .. } => &[Stream::Orders, Stream::OrderItems],
            What::Payment(_) => &[Stream::Payments],
            What::Chargeback { .. } => &[Stream::Chargebacks],
            What::Account { .. } => &[Stream::Customers],
            What::Product { .. } => &[Stream::Products],
            What::Incident(_) => &[Stream::Truths],
        }
    }

    pub fn columns(self) -> Columns {
        match self {
            Stream::Customers => &[
                ("customer_id", Bigint, false),
                ("op", Varchar, false),
                ("tier", Varchar, false),
                ("country", Varchar, false),
                ("city", Varchar, false),
                ("changed_at", Timestamp, false),
            ],
            Stream::Products => &[
                ("product_id", Bigint, false),
                ("category", Varchar, true),
                ("price", Decimal, true),
                ("stock", Bigint, false),
                ("updated_at", Timestamp, false),
            ],
            Stream::PageViews => PAGE_VIEWS,
            Stream::CartEvents => &[
                ("event_id", Bigint, false),
                ("visitor_id", Bigint, false),
                ("product_id", Bigint, false),
                ("quantity", Bigint, false),
                ("added_at", Timestamp, false),
            ],
            Stream::Exposures => &[
                ("visitor_id", Bigint, false),
                ("experiment", Varchar, false),
                ("variant", Varchar, false),
                ("exposed_at", Timestamp, false),
            ],
            Stream::Orders => &[
                ("order_id", Bigint, false),
                ("customer_id", Bigint, false),
                ("country", Varchar, false),
                ("amount", Decimal, false),
                ("ordered_at", Timestamp, false),
            ],
            Stream::OrderItems => &[
                ("order_id", Bigint, false),
                ("line", Bigint, false),
                ("product_id", Bigint, false),
                ("quantity", Bigint, false),
                ("price", Decimal, false),
                ("ordered_at", Timestamp, false),
            ],
            Stream::Payments => PAYMENTS,
            Stream::Chargebacks => &[("payment_id", Bigint, false), ("reported_at", Timestamp, false)],
            Stream::Truths => &[
                ("kind", Varchar, false),
                ("subject_id", Bigint, true),
                ("detail", Varchar, true),
                ("number", Double, true),
                ("begins_at", Timestamp, false),
                ("ends_at", Timestamp, true),
            ],
        }
    }
}

/// The rows that an event is in a stream. What a broken client sends has a text where a number belongs.
pub fn rows(event: &Event, stream: Stream) -> Vec<Vec<Value>> {
    let at = Time(event.at_us);
    let event_id = Number(event.number as i64);
    let number = |number: u32| Number(i64::from(number));
    match (stream, &event.what) {
        (Stream::Customers, What::Account { person, is_new, tier, country, city }) => {
            let op = if *is_new { "I" } else { "U" };
            vec![vec![person_id(*person), Text(op), Text(tier), Text(country), Text(city), at]]
        }
        (Stream::Products, What::Product { product, category, cents, stock }) => {
            let (category, price) = (category.map_or(Null, Text), cents.map_or(Null, Cents));
            vec![vec![product_id(*product), category, price, Number(*stock), at]]
        }
        (Stream::PageViews, What::View(View { person, page, product, device, referrer, .. })) => {
            let product = product.map_or(Null, product_id);
            vec![vec![event_id, person_id(*person), Text(page.name()), product, Text(device), Text(referrer), at]]
        }
        (Stream::PageViews, What::Garbage) => {
            vec![vec![event_id, Text("undefined"), Text("home"), Null, Text("bot"), Text("direct"), at]]
        }
        (Stream::CartEvents, What::Cart { person, product, quantity, .. }) => {
            vec![vec![event_id, person_id(*person), product_id(*product), number(*quantity), at]]
        }
        (Stream::Exposures, What::Exposure { person, treatment, .. }) => {
            let variant = if *treatment { "treatment" } else { "control" };
            vec![vec![person_id(*person), Text("checkout"), Text(variant), at]]
        }
        (Stream::Orders, What::Order { order, person, country, cents, .. }) => {
            vec![vec![Number(*order as i64), person_id(*person), Text(country), Cents(*cents), at]]
        }
        (Stream::OrderItems, What::Order { order, lines, .. }) => {
            let row = |(line, each): (i64, &crate::event::Line)| {
                vec![
                    Number(*order as i64),
                    Number(line),
                    product_id(each.product),
                    number(each.quantity),
                    Cents(each.cents),
                    at,
                ]
            };
            (1..).zip(lines).map(row).collect()
        }
        (Stream::Payments, What::Payment(payment)) => {
            let status = if payment.paid { "paid" } else { "declined" };
            vec![vec![
                Number(payment.payment as i64),
                Number(payment.order as i64),
                person_id(payment.person),
                Text(payment.method),
                Cents(payment.cents),
                Text(payment.country),
                Text(payment.card_country),
                Text(payment.device),
                Text(status),
                at,
            ]]
        }
        (Stream::Chargebacks, What::Chargeback { payment }) => vec![vec![Number(*payment as i64), at]],
        (Stream::Truths, What::Incident(incident)) => vec![truth(incident, at)],
        _ => Vec::new(),
    }
}

/// Products are counted from zero inside, and from one outside.
fn product_id(id: u32) -> Value {
    Number(i64::from(id) + 1)
}

/// A person's number outside, from which nobody learns who came when, and who is a thief: an odd factor gives each of 2³¹
/// another one.
fn person_id(id: u32) -> Value {
    Number(i64::from(id.wrapping_mul(0x9E37_79B1) & 0x7FFF_FFFF) + 1)
}

fn truth(incident: &Incident, at: Value) -> Vec<Value> {
    match incident {
        Incident::Visit { person, until_us, views, late, .. } => {
            let detail = if *late { "late" } else { "in time" };
            vec![Text("visit"), person_id(*person), Text(detail), Share(f64::from(*views)), at, Time(*until_us)]
        }
        Incident::Left { person, hazard } => vec![Text("left"), person_id(*person), Null, Share(*hazard), at, Null],
        Incident::Fraud { payment, kind } => {
            vec![Text("fraud"), Number(*payment as i64), Text(kind), Null, at, Null]
        }
        Incident::Outage { until_us } => vec![Text("outage"), Null, Null, Null, at, Time(*until_us)],
        Incident::BrokenFeed { products } => {
            vec![Text("broken feed"), Null, Null, Share(f64::from(*products)), at, Null]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Shop};

    #[test]
    fn every_row_fits_its_columns_but_for_what_is_broken() {
        let options = Options { visits_a_day: 500.0, broken_day: 1, outage_hour: 30, ..Options::new(3, 0) };
        let mut shop = Shop::at(options.clone(), 0);
        let mut seen = std::collections::BTreeMap::new();
        for event in (0..20 * 24 * 60).flat_map(|_| shop.next_minute()) {
            for stream in Stream::ALL {
                let is_there = Stream::of(&event.what).contains(&stream);
                let rows = rows(&event, stream);
                assert_eq!(rows.is_empty(), !is_there);
                for row in rows {
                    assert_eq!(row.len(), stream.columns().len());
                    let fits = row.iter().zip(stream.columns()).all(|(value, (_, data_type, nullable))| match value {
                        Null => *nullable,
                        Number(_) => *data_type == Bigint,
                        Text(_) => *data_type == Varchar,
                        Cents(_) => *data_type == Decimal,
                        Share(_) => *data_type == Double,
                        Time(_) => *data_type == Timestamp,
                    });
                    assert_eq!(fits, event.what != What::Garbage, "{event:?}");
                    *seen.entry(stream).or_insert(0) += 1;
                }
            }
        }
        assert_eq!(seen.len(), Stream::ALL.len(), "{seen:?}");
    }
}
