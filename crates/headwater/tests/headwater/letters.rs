//! `REPLAY DEAD LETTERS`: each letter once, also where several ask at one time and the node is killed.

use crate::node::Project;
use crate::web::Client;

const BAD: usize = 3000;

#[test]
fn a_letter_is_replayed_once_whoever_asks() {
    let project = Project::new();
    project.write(
        "main.sql",
        "CREATE STREAM events (id BIGINT NOT NULL, CONSTRAINT small EXPECT (id < 0) ON VIOLATION QUARANTINE)
             WITH (partitions = 3);",
    );
    let mut node = project.serve();
    let client = Client::new(&node);
    let body: String = (0..BAD).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    assert_eq!(client.post("/v1/streams/events", "application/x-ndjson", &body).status, 200);
    let letters = |project: &Project, expected: usize| {
        for _ in 0..500 {
            if project.sql("SELECT count(*) FROM system.dead_letters") == [expected.to_string()] {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("{:?} letters for {expected}", project.sql("SELECT count(*) FROM system.dead_letters"));
    };
    letters(&project, BAD);

    // Waits until the letters have their numbers for ever.
    let settle = client.post("/v1/sql", "text/plain", "REPLAY DEAD LETTERS OF events WHERE letter < 0");
    assert_eq!(settle.json()["done"], "REPLAY DEAD LETTERS 0");
    let last = project.sql("SELECT max(letter) FROM system.dead_letters").remove(0);

    // What is replayed breaks the rule once more, so each replay of a letter makes one more.
    let replay = format!("REPLAY DEAD LETTERS OF events WHERE letter <= {last}");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            // One that another has overtaken may be refused.
            scope.spawn(|| Client::new(&node).post("/v1/sql", "text/plain", &replay));
        }
    });
    node.stop();
    drop(node);
    let node = project.serve();
    let client = Client::new(&node);
    assert_eq!(client.post("/v1/sql", "text/plain", &replay).status, 200);
    letters(&project, 2 * BAD);
    let again = client.post("/v1/sql", "text/plain", &replay);
    assert_eq!(again.json()["done"], "REPLAY DEAD LETTERS 0");
    let once = format!("SELECT count(*), count(DISTINCT record) FROM system.dead_letters WHERE letter > {last}");
    assert_eq!(project.sql(&once), [format!("{BAD},{BAD}")]);
}
