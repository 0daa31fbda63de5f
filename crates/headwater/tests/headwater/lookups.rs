//! `GET /v1/tables/{view}/{key}`, and the same rows by SQL.

use serde_json::json;

use crate::node::Project;
use crate::web::Client;

fn project() -> Project {
    let project = Project::new();
    project.write(
        "main.sql",
        "CREATE STREAM sales (city TEXT, paid DECIMAL(10, 2), at TIMESTAMP, open BOOLEAN) WITH (format = 'json');\n\
         CREATE MATERIALIZED VIEW by_city AS SELECT city, count(*) AS n FROM sales GROUP BY city;\n\
         CREATE MATERIALIZED VIEW by_all AS SELECT paid, at, open, count(*) AS n FROM sales GROUP BY paid, at, open;\n\
         CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n FROM sales;\n\
         CREATE MATERIALIZED VIEW paid AS SELECT paid FROM sales WHERE paid > 0;\n",
    );
    project
}

const ROWS: &str = r#"{"city":"a/b é","paid":"1.50","at":"2024-01-01T00:00:00Z","open":true}
{"city":"","paid":"1.50","at":"2024-01-01T00:00:00Z","open":true}
{"city":"\\N","paid":null,"at":null,"open":false}
{"city":null,"paid":"2.00","at":"2024-01-01T00:00:01.5Z","open":null}
"#;

#[test]
fn rows_are_found_by_their_keys() {
    let project = project();
    let node = project.serve();
    let client = Client::new(&node);
    assert_eq!(client.post("/v1/streams/sales", "application/x-ndjson", ROWS).status, 200);
    let mut looks = 0;
    while project.sql("SELECT n FROM total") != ["4"] && looks < 500 {
        looks += 1;
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    for (key, row) in [
        ("by_city/a%2Fb%20%C3%A9", json!({"city": "a/b é", "n": 1})),
        ("by_city/", json!({"city": "", "n": 1})),
        ("by_city/%5CN", json!({"city": null, "n": 1})),
        ("by_city/%5C%5CN", json!({"city": "\\N", "n": 1})),
        (
            "by_all/1.5/2024-01-01T00:00:00Z/true",
            json!({"paid": 1.5, "at": "2024-01-01T00:00:00Z", "open": true, "n": 2}),
        ),
        ("by_all/%5CN/%5CN/false", json!({"paid": null, "at": null, "open": false, "n": 1})),
        (
            "by_all/2/2024-01-01%2000:00:01.5/%5CN",
            json!({"paid": 2.0, "at": "2024-01-01T00:00:01.500Z", "open": null, "n": 1}),
        ),
    ] {
        let answer = client.get(&format!("/v1/tables/{key}"));
        assert_eq!((answer.status, answer.json()), (200, row), "{key}");
        assert!(!answer.header("x-headwater-epoch").is_empty());
    }
    for (condition, n) in [
        ("by_city WHERE city = 'a/b é'", "1"),
        ("by_city WHERE city IS NULL", "1"),
        ("by_city WHERE city = ''", "1"),
        ("by_all WHERE paid = 1.5 AND at = TIMESTAMP '2024-01-01 00:00:00' AND open", "2"),
        ("by_all WHERE paid IS NULL AND at IS NULL AND NOT open", "1"),
        ("by_all WHERE paid = 2 AND at = '2024-01-01T00:00:01.5Z' AND open IS NULL", "1"),
    ] {
        assert_eq!(project.sql(&format!("SELECT n FROM {condition}")), [n], "{condition}");
    }
    assert_eq!(project.sql("SELECT n FROM by_city WHERE city = 'nowhere'"), [""; 0]);
}

#[test]
fn keys_that_name_no_row_are_told_why() {
    let project = project();
    let node = project.serve();
    let client = Client::new(&node);
    for (target, status, message) in [
        ("by_city/nowhere", 404, "by_city has no row where city is 'nowhere'"),
        ("by_city/%5CN", 404, "by_city has no row where city is NULL"),
        ("by_cty/x", 404, "there is no view by_cty"),
        ("by_city", 400, "the key of by_city has 1 values (city); 0 came"),
        ("by_city/a/b", 400, "the key of by_city has 1 values (city); 2 came"),
        ("by_all/1/2", 400, "the key of by_all has 3 values (paid, at, open); 2 came"),
        ("by_all/x/%5CN/true", 400, "paid: expected a number: 'x'"),
        ("by_all/1.001/%5CN/true", 400, "paid: more fractional digits than the decimal's scale: '1.001'"),
        ("by_city/100%25%", 400, "'by_city/100%25%' is not UTF-8 in percent-encoding"),
        ("by_city/x?limit=1", 400, "there are no parameters here: 'limit=1'"),
        ("total/1", 400, "the rows of total have no key"),
        ("paid/1", 400, "paid is a stream, whose rows have no key"),
    ] {
        let answer = client.get(&format!("/v1/tables/{target}"));
        assert_eq!(answer.refusal(), (status, message.to_owned()), "{target}");
    }
}
