//! Versions, conflicts and damaged files, on a store in memory.

use bytes::Bytes;
use expect_test::expect;
use headwater_base::ErrorKind;
use headwater_sql::{SourceText, parse};
use object_store::memory::InMemory;

use super::*;
use crate::definition::{Change, Owner};
use crate::graph::{Graph, Known};

fn wanted(text: &str, owner: Owner) -> Vec<Definition> {
    let statements = parse(&SourceText::new("a.sql", text)).unwrap();
    Graph::of(statements, owner, &Known::default()).unwrap().definitions()
}

fn told(proposal: &Proposal) -> Vec<String> {
    let told = proposal.changes.iter().map(|change| match change {
        Change::Added(one) => format!("+{}@{}", one.name, one.version),
        Change::Changed { after, .. } => format!("~{}@{}", after.name, after.version),
        Change::Removed(one) => format!("-{}", one.name),
        Change::Unchanged(one) => format!("={}@{}", one.name, one.version),
    });
    told.collect()
}

#[tokio::test]
async fn versions_follow_each_other() {
    let store = Arc::new(InMemory::new());
    let mut catalog = Catalog::open(store.clone()).await.unwrap();
    assert_eq!(catalog.current(), &Definitions::default());

    let first = "CREATE STREAM a (x INT); CREATE STREAM b (x INT); CREATE MATERIALIZED VIEW v AS SELECT * FROM a";
    let proposal = catalog.propose(wanted(first, Owner::Project));
    assert_eq!(told(&proposal), ["+a@1", "+b@1", "+v@1"]);
    catalog.commit(proposal.next, 7).await.unwrap();

    // White space, comments and case of what is not quoted are no change.
    let second =
        "create stream A (X int) -- same\n; CREATE STREAM c (x INT); CREATE MATERIALIZED VIEW v AS SELECT x FROM a";
    let proposal = catalog.propose(wanted(second, Owner::Project));
    assert_eq!(told(&proposal), ["=a@1", "-b", "+c@1", "~v@2"]);
    assert!(!proposal.is_empty());
    catalog.commit(proposal.next, 8).await.unwrap();

    let again = Catalog::open(store).await.unwrap();
    assert_eq!(again.current(), catalog.current());
    assert_eq!((again.current().version, again.current().committed_us), (2, 8));
    assert_eq!(again.current().get("v").unwrap().depends_on, ["a"]);
    assert_eq!(again.read(1).await.unwrap().by_name.len(), 3);
    assert!(again.propose(wanted(second, Owner::Project)).is_empty());
}

#[tokio::test]
async fn what_clients_own_stays() {
    let mut catalog = Catalog::open(Arc::new(InMemory::new())).await.unwrap();
    let proposal = catalog.propose(wanted("CREATE STREAM k (x INT); CREATE STREAM l (x INT)", Owner::Client));
    catalog.commit(proposal.next, 1).await.unwrap();
    let proposal = catalog.propose(wanted("CREATE STREAM p (x INT); CREATE STREAM l (x INT)", Owner::Project));
    assert_eq!(told(&proposal), ["=k@1", "~l@2", "+p@1"]);
}

#[tokio::test]
async fn two_commits_of_one_version_conflict() {
    let store = Arc::new(InMemory::new());
    let mut one = Catalog::open(store.clone()).await.unwrap();
    let mut two = Catalog::open(store).await.unwrap();
    let stale = two.propose(wanted("CREATE STREAM b (x INT)", Owner::Project)).next;
    one.commit(one.propose(wanted("CREATE STREAM a (x INT)", Owner::Project)).next, 1).await.unwrap();
    let error = two.commit(stale.clone(), 2).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(two.current().version, 0);
    two.reload().await.unwrap();
    assert_eq!(two.current(), one.current());
    // Made on what is no longer current.
    assert_eq!(two.commit(stale, 3).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(two.current().version, 1);
}

#[tokio::test]
async fn the_stored_form_is_as_documented() {
    let store = Arc::new(InMemory::new());
    let mut catalog = Catalog::open(store.clone()).await.unwrap();
    let text = "CREATE STREAM a (x INT); CREATE SOURCE s INTO a FROM FILES (PATH 'x')";
    let mut next = catalog.propose(wanted(text, Owner::Project)).next;
    next.steps = vec!["create stream a: non-breaking".to_owned(), "create source s: non-breaking".to_owned()];
    catalog.commit(next, 1_700_000_000_000_000).await.unwrap();
    assert_eq!(Catalog::open(store.clone()).await.unwrap().applied(), catalog.applied());
    let bytes = store.get(&Path::from("catalog/00000000000000000001.json")).await.unwrap().bytes().await.unwrap();
    expect![[r#"
        {"format":7,"crc32c":"c334d701","body":{
          "version": 1,
          "committed_us": 1700000000000000,
          "steps": [
            "create stream a: non-breaking",
            "create source s: non-breaking"
          ],
          "definitions": [
            {
              "name": "a",
              "kind": "stream",
              "owner": "project",
              "text": "create stream a (x int)",
              "depends_on": [],
              "version": 1,
              "generation": 0
            },
            {
              "name": "s",
              "kind": "source",
              "owner": "project",
              "text": "create source s into a from files (path 'x')",
              "depends_on": [
                "a"
              ],
              "version": 1,
              "generation": 0
            }
          ]
        }}
    "#]]
    .assert_eq(std::str::from_utf8(&bytes).unwrap());
    serde_json::from_slice::<serde_json::Value>(&bytes).unwrap();
}

#[tokio::test]
async fn any_damage_is_found() {
    let store = Arc::new(InMemory::new());
    let mut catalog = Catalog::open(store.clone()).await.unwrap();
    catalog.commit(catalog.propose(wanted("CREATE STREAM a (x INT)", Owner::Project)).next, 1).await.unwrap();
    let path = path_of(1);
    let good = store.get(&path).await.unwrap().bytes().await.unwrap();
    for at in 0..good.len() {
        let mut bad = good.to_vec();
        bad[at] ^= 1;
        store.put(&path, Bytes::from(bad).into()).await.unwrap();
        let error = Catalog::open(store.clone()).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. } | Error::Newer { .. }), "byte {at}: {error}");
        store.put(&path, good.slice(..at).into()).await.unwrap();
        assert_eq!(Catalog::open(store.clone()).await.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    store.put(&path_of(2), good.clone().into()).await.unwrap();
    let error = Catalog::open(store.clone()).await.unwrap_err().to_string();
    expect!["catalog file catalog/00000000000000000002.json is damaged: it holds version 1; restore it from a backup, or move it away to go back to the version before"].assert_eq(&error);
    // Other files are not looked at.
    store.delete(&path_of(2)).await.unwrap();
    store.put(&path, good.into()).await.unwrap();
    for name in ["catalog/5.json", "catalog/00000000000000000009.tmp", "catalog/x/00000000000000000009.json"] {
        store.put(&Path::from(name), "?".into()).await.unwrap();
    }
    assert_eq!(Catalog::open(store).await.unwrap().current().version, 1);
}
