//! The shop as a source: alone, with others of the same shop, and beyond its history.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use headwater_base::clock::ManualClock;
use headwater_connect::Target;
use headwater_connect::contract::{Collected, check, drain};
use headwater_connect::shop::{Floors, Options, Shop};
use headwater_format::Format;
use headwater_stream::source::{Progress, Source};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn options(stream: &str) -> Options {
    Options {
        stream: stream.to_owned(),
        seed: 4,
        visits_a_day: Some(2000.0),
        start_us: Some(20_000 * DAY),
        days: 2,
        live: false,
    }
}

fn target(fields: &[(&str, DataType, bool)]) -> Target {
    let fields = fields.iter().map(|(name, data_type, nullable)| Field::new(*name, data_type.clone(), *nullable));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Target { schema, format: Format::Json, event_time: None }
}

fn orders() -> Target {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    target(&[("order_id", DataType::Int64, false), ("ordered_at", time, false), ("note", DataType::Utf8, true)])
}

fn items() -> Target {
    target(&[("order_id", DataType::Int64, false), ("line", DataType::Int64, false)])
}

fn open(target: Target, options: Options, floors: &Arc<Floors>) -> Shop {
    Shop::new(ManualClock::at(30_000 * DAY), target, options, Arc::clone(floors)).unwrap()
}

/// Polls until it ends; waiting for others takes no time here.
fn all(source: &mut Shop) -> Vec<Vec<u8>> {
    let mut got = Collected::default();
    while drain(source, &mut got).unwrap() != Progress::End {}
    got.records
}

#[test]
fn a_shop_keeps_the_promises_of_a_source() {
    for seed in 0..20 {
        let make = || Box::new(Alone(open(items(), options("order_items"), &Arc::default()))) as Box<dyn Source>;
        let records = check(&make, seed);
        assert!(records.len() > 50, "{}", records.len());
        let first = String::from_utf8_lossy(&records[0]).into_owned();
        assert!(first.starts_with(r#"{"order_id":"#) && first.contains(r#""line":1"#), "{first}");
    }
}

/// The suite takes a wait for the end of what is there: nobody else is to come.
struct Alone(Shop);

impl Source for Alone {
    fn start(&mut self, position: Option<&[u8]>) -> headwater_stream::source::Result<()> {
        self.0.start(position)
    }
    fn poll(
        &mut self,
        intake: &mut dyn headwater_stream::source::Intake,
    ) -> headwater_stream::source::Result<Progress> {
        match self.0.poll(intake)? {
            Progress::Wait(_) => Ok(Progress::More),
            other => Ok(other),
        }
    }
    fn position(&self) -> Vec<u8> {
        self.0.position()
    }
    fn status(&self) -> headwater_stream::source::Status {
        self.0.status()
    }
}

#[test]
fn sources_of_one_shop_give_the_same_as_each_alone() {
    let alone = |target: Target, stream: &str| {
        let mut source = open(target, options(stream), &Arc::default());
        source.start(None).unwrap();
        all(&mut source)
    };
    let (orders_alone, items_alone) = (alone(orders(), "orders"), alone(items(), "order_items"));
    assert!(items_alone.len() > orders_alone.len() && orders_alone.len() > 20);
    let floors = Arc::new(Floors::default());
    let (mut first, mut second) =
        (open(orders(), options("orders"), &floors), open(items(), options("order_items"), &floors));
    first.start(None).unwrap();
    second.start(None).unwrap();
    let (mut of_first, mut of_second) = (Collected::default(), Collected::default());
    let mut ended = [false, false];
    for turn in 0.. {
        // Now one is ahead, now the other; the second stops once and comes again.
        let (source, got, at) = match turn % 3 {
            0 => (&mut first, &mut of_first, 0),
            _ => (&mut second, &mut of_second, 1),
        };
        got.until = Some(got.records.len() + 1 + turn % 7);
        ended[at] |= source.poll(got).unwrap() == Progress::End;
        if turn == 100 {
            let position = second.position();
            second = open(items(), options("order_items"), &floors);
            second.start(Some(&position)).unwrap();
        }
        if ended == [true, true] {
            break;
        }
    }
    assert!(of_first.records == orders_alone && of_second.records == items_alone);
}

#[test]
fn history_goes_on_with_what_happens_now() {
    let clock = ManualClock::at(20_002 * DAY + DAY / 2);
    let live = Options { live: true, ..options("orders") };
    let mut source = Shop::new(clock.clone(), orders(), live.clone(), Arc::default()).unwrap();
    source.start(None).unwrap();
    let mut got = Collected::default();
    assert!(matches!(source.poll(&mut got), Ok(Progress::Wait(_))), "it looks who else comes");
    assert!(matches!(drain(&mut source, &mut got), Ok(Progress::Wait(_))));
    let by_noon = got.records.len();
    assert!(matches!(drain(&mut source, &mut got), Ok(Progress::Wait(_))) && got.records.len() == by_noon);
    let is_before = |record: &[u8], day: &str| String::from_utf8_lossy(record).contains(day);
    assert!(got.records.iter().any(|record| is_before(record, "2024-10-06")), "the third day has begun");
    // Restarted within a minute, it gives none twice.
    let position = source.position();
    drop(source);
    clock.advance(std::time::Duration::from_secs(12 * 60 * 60 + 30));
    let mut source = Shop::new(clock, orders(), live, Arc::default()).unwrap();
    source.start(Some(&position)).unwrap();
    for _ in 0..2 {
        drain(&mut source, &mut got).unwrap();
    }
    assert!(got.records.len() > by_noon);
    let mut whole = open(orders(), Options { days: 3, ..options("orders") }, &Arc::default());
    whole.start(None).unwrap();
    let whole = all(&mut whole);
    assert!(got.records.len() >= whole.len() && got.records[..whole.len()] == whole[..]);
}

#[test]
fn what_is_no_shop_of_this_stream() {
    let refused = |target: Target, options: Options| {
        Shop::new(ManualClock::at(0), target, options, Arc::default()).map(|_| ()).unwrap_err().message
    };
    let unknown = refused(orders(), options("oders"));
    assert_eq!(unknown, "the shop has no stream 'oders'; did you mean 'orders'?");
    let unknown = refused(target(&[("colour", DataType::Utf8, false)]), options("products"));
    assert_eq!(
        unknown,
        "field 'colour': is NOT NULL, and products of the shop have product_id, category, price, stock, updated_at"
    );
    let unfit = refused(target(&[("country", DataType::Int64, true)]), options("orders"));
    assert!(unfit.starts_with("field 'country': the shop makes values that the column can't hold"), "{unfit}");
}
