//! Keys are the same bytes from records of either format and from decoded rows.

use std::sync::Arc;

use arrow_schema::DataType;
use headwater_format::{Encoded, Format, KeyReader, decoder, encoder, keys_of};
use proptest::prelude::*;

use crate::round_trip::{all_types, rows};
use crate::schema;

#[test]
fn text_and_integers_are_bare_and_tuples_are_not() {
    let columns = schema(&[("id", DataType::Int32), ("name", DataType::Utf8View), ("ok", DataType::Boolean)]);
    let key = |key_columns: &[usize], record: &str| {
        let mut key = b"left over".to_vec();
        let mut reader = KeyReader::new(Format::Csv, Arc::clone(&columns), key_columns).unwrap();
        reader.key(record.as_bytes(), &mut key).then_some(key)
    };
    assert_eq!(key(&[1], "1,ann,true").unwrap(), b"ann");
    assert_eq!(key(&[0], "258.0,ann,true").unwrap(), [0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(key(&[1, 2], "1,ann,true").unwrap(), b"\x00\x00\x00\x03ann\x00\x00\x00\x01\x01");
    assert_eq!(key(&[2], "1,ann,true").unwrap(), b"\x00\x00\x00\x01\x01");
    assert_eq!(key(&[1], "not a number,ann,true").unwrap(), b"ann");
    assert_eq!(key(&[0], ",ann,true"), None);
    assert_eq!(key(&[0], "x,ann,true"), None);
    assert_eq!(key(&[1], "1,ann"), None);
    assert!(KeyReader::new(Format::Csv, Arc::clone(&columns), &[3]).is_err());
}

proptest! {
    #![proptest_config(crate::cases(200))]

    #[test]
    fn records_and_rows_have_the_same_keys(rows in rows(), picked in prop::collection::vec(any::<prop::sample::Index>(), 1..4)) {
        let columns = all_types();
        let picked: Vec<usize> = picked.iter().map(|index| index.index(columns.fields().len())).collect();
        for format in [Format::Csv, Format::Json] {
            let mut encoded = Encoded::default();
            encoder(format, Arc::clone(&columns)).unwrap().encode(&rows, &mut encoded).unwrap();
            let mut decoder = decoder(format, Arc::clone(&columns), None).unwrap();
            encoded.records().for_each(|record| decoder.push(record).unwrap());
            let keys = keys_of(&decoder.finish(), &picked).unwrap();
            prop_assert_eq!(&keys, &keys_of(&rows, &picked).unwrap());
            let mut reader = KeyReader::new(format, Arc::clone(&columns), &picked).unwrap();
            let mut key = Vec::new();
            for (row, record) in encoded.records().enumerate() {
                let got = reader.key(record, &mut key).then_some(key.as_slice());
                prop_assert_eq!(got, keys.get(row));
            }
        }
    }
}
