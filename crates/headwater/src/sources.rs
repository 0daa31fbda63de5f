//! Opens declared sources: what SQL says, in the terms of the room that knows the outside systems.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use headwater_base::clock::Clock;
use headwater_base::files::Files;
use headwater_connect::{FileSource, Generator, Shop, Target, files, generator, shop};
use headwater_deploy::sources::{self, Declared, Origin};
use headwater_stream::source::Source;

/// Opens a source, or says what is wrong with it. Nothing is read before it is started. Relative paths begin in the
/// project's folder. Sources of one shop share `shops`.
pub fn open(
    declared: &Declared,
    files: &Arc<dyn Files>,
    project: &Path,
    clock: &Arc<dyn Clock>,
    shops: &Arc<shop::Floors>,
) -> Result<Box<dyn Source>> {
    let stream = &declared.stream;
    let target = Target {
        schema: Arc::clone(&stream.schema),
        format: stream.format,
        event_time: stream.watermark.map(|watermark| watermark.column),
    };
    let clock = Arc::clone(clock);
    let opened: Result<Box<dyn Source>, headwater_stream::source::Error> = match declared.origin.clone() {
        Origin::Files(sources::Files { path, format, follow, speed }) => {
            let options = files::Options { path, format, follow, speed };
            let source = FileSource::new(Arc::clone(files), clock, target, options);
            source.map(|source| Box::new(source.in_folder(project)) as _)
        }
        Origin::Generator(sources::Generator { rows, rate, seed, fields }) => {
            let options = generator::Options { rows, rate, seed, fields };
            Generator::new(clock, target, options).map(|source| Box::new(source) as _)
        }
        Origin::Shop(sources::Shop { stream, seed, visits, start_us, days, live }) => {
            let options = shop::Options { stream, seed, visits_a_day: visits, start_us, days, live };
            Shop::new(clock, target, options, Arc::clone(shops)).map(|source| Box::new(source) as _)
        }
    };
    opened.map_err(headwater_stream::Error::from).with_context(|| format!("source {}", declared.name))
}
