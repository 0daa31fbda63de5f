//! The object store over a disk and over a simulated one; and at every point where it can crash.

use std::path;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutPayload, WriteMultipart};

use super::Objects;
use crate::files::disk::Disk;
use crate::files::simulated::{Faults, Simulated};

const ROOT: &str = "/objects";

fn over(sim: &Simulated) -> Objects {
    Objects::open(sim.shared(), path::Path::new(ROOT)).unwrap()
}

/// Both kinds of store, in turn.
async fn each<F: Future<Output = ()>>(test: impl Fn(Objects) -> F) {
    let folder = tempfile::tempdir().unwrap();
    test(Objects::open(Disk::shared(), folder.path()).unwrap()).await;
    test(over(&Simulated::new(1))).await;
}

async fn listed(objects: &Objects, prefix: &str) -> Vec<String> {
    let found: Vec<_> = objects.list(Some(&Path::from(prefix))).try_collect().await.unwrap();
    found.into_iter().map(|meta| meta.location.to_string()).collect()
}

async fn content(objects: &Objects, location: &str) -> Result<Vec<u8>, Error> {
    Ok(objects.get(&Path::from(location)).await?.bytes().await?.to_vec())
}

#[tokio::test]
async fn lists_by_segments_in_byte_order() {
    each(|objects| async move {
        for name in ["a/x", "a-b/x", "a/c/d", "b", "a.txt", "a/#odd name%", "ab/x"] {
            objects.put(&Path::from(name), name.to_owned().into()).await.unwrap();
        }
        let all = listed(&objects, "").await;
        assert_eq!(all, ["a-b/x", "a.txt", "a/%23odd name%25", "a/c/d", "a/x", "ab/x", "b"]);
        let mut sorted = all.clone();
        sorted.sort();
        assert_eq!(all, sorted);
        assert_eq!(listed(&objects, "a").await, ["a/%23odd name%25", "a/c/d", "a/x"]);
        assert_eq!(listed(&objects, "b").await, [""; 0], "an object is not below itself");
        let level = objects.list_with_delimiter(Some(&Path::from("a"))).await.unwrap();
        assert_eq!(level.common_prefixes, [Path::from("a/c")]);
        assert_eq!(level.objects.len(), 2);
        let top = objects.list_with_delimiter(None).await.unwrap();
        assert_eq!(top.common_prefixes.len(), 3, "temporaries are not listed: {:?}", top.common_prefixes);
        let after: Vec<_> =
            objects.list_with_offset(None, &Path::from("a/c/d")).map_ok(|m| m.location).try_collect().await.unwrap();
        assert_eq!(after, ["a/x", "ab/x", "b"].map(Path::from));
    })
    .await;
}

#[tokio::test]
async fn reads_parts_and_keeps_conditions() {
    each(|objects| async move {
        let location = Path::from("some/large");
        let bytes: Vec<u8> = (0..10_000_000u32).map(|at| (at % 251) as u8).collect();
        let first = objects.put(&location, bytes.clone().into()).await.unwrap();
        assert_eq!(content(&objects, "some/large").await.unwrap(), bytes);
        let ranges = [5..10, 4_000_000..9_000_000, 9_999_999..10_000_000];
        let got = objects.get_ranges(&location, &ranges).await.unwrap();
        for (range, got) in ranges.iter().zip(got) {
            assert_eq!(got, bytes[range.start as usize..range.end as usize]);
        }
        let tail = GetOptions { range: Some(GetRange::Suffix(3)), ..GetOptions::default() };
        assert_eq!(objects.get_opts(&location, tail).await.unwrap().bytes().await.unwrap(), bytes[9_999_997..]);

        let head = objects.head(&location).await.unwrap();
        assert_eq!((head.size, &head.e_tag), (10_000_000, &first.e_tag));
        let second = objects.put(&location, vec![0; 10_000_000].into()).await.unwrap();
        assert_ne!(first.e_tag, second.e_tag, "same length, same moment, other content");
        let same = GetOptions { if_match: first.e_tag, ..GetOptions::default() };
        assert!(matches!(objects.get_opts(&location, same).await, Err(Error::Precondition { .. })));
        let other = GetOptions { if_none_match: second.e_tag, ..GetOptions::default() };
        assert!(matches!(objects.get_opts(&location, other).await, Err(Error::NotModified { .. })));
    })
    .await;
}

#[tokio::test]
async fn refuses_what_it_cannot_keep() {
    each(|objects| async move {
        let update = PutMode::Update(object_store::UpdateVersion { e_tag: None, version: None });
        let refused = objects.put_opts(&Path::from("a"), "x".into(), update.into()).await;
        assert!(matches!(refused, Err(Error::NotImplemented { .. })));
        let reserved = Path::parse("#temporary/0/1").unwrap();
        assert!(matches!(objects.put(&reserved, "x".into()).await, Err(Error::NotSupported { .. })));
        objects.put(&Path::from("a/b"), "x".into()).await.unwrap();
        for absent in ["a", "a/b/c", "b"] {
            assert!(matches!(content(&objects, absent).await, Err(Error::NotFound { .. })), "{absent}");
            assert!(matches!(objects.delete(&Path::from(absent)).await, Err(Error::NotFound { .. })), "{absent}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_copy_renamed_over_its_original_leaves_one_name() {
    each(|objects| async move {
        let (one, two) = (Path::from("one"), Path::from("two"));
        objects.put(&one, "x".into()).await.unwrap();
        objects.copy(&one, &two).await.unwrap();
        objects.copy(&one, &two).await.unwrap();
        objects.rename(&one, &two).await.unwrap();
        assert_eq!(listed(&objects, "").await, ["two"]);
        objects.put(&one, "y".into()).await.unwrap();
        assert!(matches!(objects.rename_if_not_exists(&one, &two).await, Err(Error::AlreadyExists { .. })));
        assert_eq!(content(&objects, "two").await.unwrap(), b"x");
    })
    .await;
}

#[tokio::test]
async fn an_upload_is_seen_when_complete() {
    each(|objects| async move {
        let location = Path::from("deep/down/upload");
        let upload = objects.put_multipart(&location).await.unwrap();
        let mut writer = WriteMultipart::new_with_chunk_size(upload, 100);
        writer.write(&[7; 1050]);
        assert_eq!(listed(&objects, "").await, [""; 0]);
        writer.finish().await.unwrap();
        assert_eq!(content(&objects, "deep/down/upload").await.unwrap(), [7; 1050]);

        let mut gone = objects.put_multipart(&Path::from("gone")).await.unwrap();
        gone.put_part("part".into()).await.unwrap();
        gone.abort().await.unwrap();
        let mut torn = objects.put_multipart(&Path::from("torn")).await.unwrap();
        drop(torn.put_part("never awaited".into()));
        assert!(torn.complete().await.is_err());
        drop(objects.put_multipart(&Path::from("dropped")).await.unwrap());
        assert_eq!(listed(&objects, "").await, ["deep/down/upload"]);
        let temporary = objects.folder.root.join("#temporary/0");
        assert_eq!(objects.folder.files.list(&temporary).unwrap().len(), 0, "nothing is left behind");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_creators_wins() {
    let folder = tempfile::tempdir().unwrap();
    let stores: Vec<_> = (0..4).map(|_| Objects::open(Disk::shared(), folder.path()).unwrap()).collect();
    for round in 0..20 {
        let location = Path::from(format!("log/{round}"));
        let tries = (0..16usize).map(|at| {
            let (store, location) = (stores[at % 4].clone(), location.clone());
            tokio::spawn(async move {
                store.put_opts(&location, PutPayload::from(at.to_string()), PutMode::Create.into()).await
            })
        });
        let results = futures::future::join_all(tries).await;
        let won: Vec<_> = results.iter().enumerate().filter(|(_, result)| result.as_ref().unwrap().is_ok()).collect();
        assert_eq!(won.len(), 1);
        assert_eq!(content(&stores[0], location.as_ref()).await.unwrap(), won[0].0.to_string().as_bytes());
    }
}

#[tokio::test]
async fn sweeps_what_the_dead_left_and_spares_the_living() {
    let sim = Simulated::new(3);
    let living = over(&sim);
    let mut upload = living.put_multipart(&Path::from("slow")).await.unwrap();
    upload.put_part("part".into()).await.unwrap();
    let other = over(&sim);
    assert_eq!(other.sweep().unwrap(), 0);
    upload.complete().await.unwrap();
    drop((living, other, upload));
    sim.write(path::Path::new("/objects/#temporary/5/17"), b"left").unwrap();
    let again = over(&sim);
    assert!(sim.read(path::Path::new("/objects/#temporary/5/17")).is_err());
    assert_eq!(listed(&again, "").await, ["slow"]);
}

/// Creates, overwrites, uploads and copies; returns what was acknowledged.
async fn script(sim: &Simulated) -> Vec<&'static str> {
    let mut done = Vec::new();
    let Ok(objects) = Objects::open(sim.shared(), path::Path::new(ROOT)) else { return done };
    let (one, two, over) = (Path::from("log/1"), Path::from("log/2"), Path::from("a/b/over"));
    let create = objects.put_opts(&one, vec![1; 2000].into(), PutMode::Create.into()).await;
    done.extend(create.is_ok().then_some("create"));
    done.extend(objects.put(&over, vec![1; 1500].into()).await.is_ok().then_some("put"));
    done.extend(objects.put(&over, vec![2; 1500].into()).await.is_ok().then_some("overwrite"));
    if let Ok(mut upload) = objects.put_multipart(&Path::from("a/upload")).await {
        let parts = [upload.put_part(vec![3; 700].into()).await, upload.put_part(vec![3; 700].into()).await];
        let complete = parts.iter().all(Result::is_ok) && upload.complete().await.is_ok();
        done.extend(complete.then_some("upload"));
    }
    done.extend(objects.copy_if_not_exists(&one, &two).await.is_ok().then_some("copy"));
    done.push("about to delete");
    done.extend(objects.delete(&one).await.is_ok().then_some("delete"));
    done
}

async fn check_after(objects: &Objects, done: &[&str], context: &str) {
    let whole = |bytes: &Option<Vec<u8>>, allowed: &[(u8, usize)]| match bytes {
        None => true,
        Some(bytes) => allowed.iter().any(|(byte, length)| *bytes == vec![*byte; *length]),
    };
    let is = |name: &str| done.contains(&name);
    let created = content(objects, "log/1").await.ok();
    assert!(whole(&created, &[(1, 2000)]), "{context}: absent or whole");
    assert!(!is("create") || is("about to delete") || created.is_some(), "{context}: what was acknowledged lasts");
    assert!(!is("delete") || created.is_none(), "{context}: what was deleted is gone");
    let over = content(objects, "a/b/over").await.ok();
    assert!(whole(&over, &[(1, 1500), (2, 1500)]), "{context}: old or new");
    assert!(!is("put") || over.is_some(), "{context}");
    assert!(!is("overwrite") || over.unwrap()[0] == 2, "{context}");
    let upload = content(objects, "a/upload").await.ok();
    assert!(whole(&upload, &[(3, 1400)]), "{context}");
    assert!(!is("upload") || upload.is_some(), "{context}");
    let copy = content(objects, "log/2").await.ok();
    assert!(whole(&copy, &[(1, 2000)]) && (!is("copy") || copy.is_some()), "{context}");
}

#[tokio::test]
async fn every_crash_point_leaves_objects_absent_or_whole() {
    let dry = Simulated::new(0);
    assert_eq!(script(&dry).await.len(), 7);
    for seed in 0..12 {
        for at in 1..=dry.operations() {
            let sim = Simulated::new(seed);
            sim.set_faults(Faults { crash_at_operation: Some(at), ..Faults::default() });
            let done = script(&sim).await;
            sim.restart();
            let objects = over(&sim);
            check_after(&objects, &done, &format!("seed {seed}, operation {at}")).await;
            let left = sim.shared();
            let left = crate::files::Files::list(left.as_ref(), path::Path::new("/objects/#temporary")).unwrap();
            assert!(left.iter().all(|entry| !entry.metadata.is_folder || entry.name == "0"), "{left:?}");
        }
    }
}

#[tokio::test]
async fn failing_syncs_never_acknowledge_what_a_crash_takes() {
    for seed in 0..300 {
        let sim = Simulated::new(seed);
        drop(over(&sim));
        sim.set_faults(Faults { error_chance: Some((1, 8)), ..Faults::default() });
        let done = script(&sim).await;
        sim.set_faults(Faults::default());
        sim.crash();
        check_after(&over(&sim), &done, &format!("seed {seed}")).await;
    }
}

/// The suite that object_store's own implementations pass.
#[cfg(feature = "conformance")]
#[tokio::test]
async fn conforms() {
    use object_store::integration as suite;
    each(|objects| async move { suite::put_get_delete_list(&objects).await }).await;
    each(|objects| async move { suite::get_opts(&objects).await }).await;
    each(|objects| async move { suite::put_opts(&objects, false).await }).await;
    each(|objects| async move { suite::stream_get(&objects).await }).await;
    each(|objects| async move { suite::list_uses_directories_correctly(&objects).await }).await;
    each(|objects| async move { suite::list_with_delimiter(&objects).await }).await;
    each(|objects| async move { suite::rename_and_copy(&objects).await }).await;
    each(|objects| async move { suite::copy_if_not_exists(&objects).await }).await;
    each(|objects| async move { suite::copy_rename_nonexistent_object(&objects).await }).await;
    each(|objects| async move { suite::multipart_race_condition(&objects, true).await }).await;
    each(|objects| async move { suite::multipart_out_of_order(&objects).await }).await;
    each(|objects| async move { suite::list_with_offset_exclusivity(&objects).await }).await;
}
