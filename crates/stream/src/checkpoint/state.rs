//! Pieces of state as bytes: Arrow IPC streams, so that they describe themselves and outlive this version. Batches of one
//! are taken one after the other, since a key may be gone in one and be there again in the next.

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::Result;

pub fn encode(batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let mut bytes = Vec::with_capacity(batches.iter().map(RecordBatch::get_array_memory_size).sum());
    let mut writer = StreamWriter::try_new(&mut bytes, &first.schema())?;
    batches.iter().try_for_each(|rows| writer.write(rows))?;
    writer.finish()?;
    drop(writer);
    Ok(bytes)
}

pub fn decode(bytes: &[u8]) -> Result<Vec<RecordBatch>> {
    Ok(StreamReader::try_new(bytes, None)?.collect::<std::result::Result<_, _>>()?)
}
