//! Tables that views read and that can't be read for a while.

use std::time::Duration;

use crate::world::{Life, Thing, World, options};

const VIEWS: &str = "CREATE TABLE things (id BIGINT, k VARCHAR, g INT, price DECIMAL(12,3));
    CREATE TABLE others (id BIGINT, k VARCHAR, g INT, price DECIMAL(12,3));
    CREATE MATERIALIZED VIEW of_things AS SELECT id FROM things;
    CREATE MATERIALIZED VIEW of_others AS SELECT id FROM others;";

fn add(world: &World, ids: std::ops::Range<i64>) {
    world.things.change(|things| things.extend(ids.map(|id| Thing { id: Some(id), k: None, g: None, price: 1 })));
}

fn numbers(world: &World, life: &Life) -> [usize; 2] {
    ["of_things", "of_others"].map(|view| world.query(life, &format!("SELECT id FROM {view}")).len())
}

#[test]
fn a_table_that_can_not_be_read_keeps_no_rows_of_another() {
    let world = World::new(1, VIEWS);
    let mut life = world.open(options(2, 1000), false).expect("opened");
    add(&world, 0..3);
    life.settle().expect("settled");
    assert_eq!(numbers(&world, &life), [3, 3]);

    world.things.break_one(Some("others"));
    add(&world, 3..5);
    assert!(life.engine.take_tables().is_err());
    life.rest().expect("rests");
    assert_eq!(numbers(&world, &life), [5, 3]);

    // Another life of the node shows what there was, and tries again.
    add(&world, 5..6);
    life.engine.settle().expect("settled");
    drop(life);
    let mut life = world.open(options(1, 1000), false).expect("opened");
    assert_eq!(numbers(&world, &life), [5, 3]);
    world.things.break_one(None);
    world.clock.advance(Duration::from_secs(2));
    life.settle().expect("settled");
    assert_eq!(numbers(&world, &life), [6, 6]);
}
