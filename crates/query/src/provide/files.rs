//! Tables in files that others write: CSV, JSON, Parquet and Delta, read as they are when a query comes.
//!
//! Files are listed for each query; folders named `column=value` give columns of the table.

mod places;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::file_format::FileFormat as Reader;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::{TableProvider, TableType};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::expressions::{cast, col};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use futures::StreamExt;
use headwater_sql::ast::FileFormat;

use crate::Error;
use crate::relation::{Files, Place, Table};
use crate::session::state::planning;
use crate::sqltype::stored_type;

pub use places::{Buckets, NoBuckets, Places};

/// Ends of file names, by format.
fn extensions(format: FileFormat) -> &'static [&'static str] {
    match format {
        FileFormat::Csv => &[".csv", ".tsv", ".txt"],
        FileFormat::Json => &[".json", ".ndjson", ".jsonl"],
        FileFormat::Parquet => &[".parquet", ".pq"],
        FileFormat::Delta => &[""],
    }
}

impl Places {
    /// The columns that a table's files have, those of folders last.
    ///
    /// # Errors
    /// [`Error::Execution`] where there are no such files, or columns are of types that SQL has no name for.
    pub async fn discover(&self, files: &Files) -> Result<SchemaRef, Error> {
        let found = match files.format {
            FileFormat::Delta => delta(files, self).await.map_err(failed)?.schema(),
            _ => {
                let place = Listing::of(files, self, planning()).await.map_err(failed)?;
                let schema = place.options.infer_schema(planning(), &place.url).await.map_err(failed)?;
                let folders = place.folders.iter().map(|name| Arc::new(Field::new(name, DataType::Utf8View, false)));
                Arc::new(Schema::new(schema.fields().iter().cloned().chain(folders).collect::<Vec<_>>()))
            }
        };
        let fields = found.fields().iter().map(|field| match stored_type(field.data_type()) {
            Some(stored) => Ok(field.as_ref().clone().with_data_type(stored)),
            None => Err(Error::Execution(format!(
                "column {} of {} is of type {}, which a table cannot have yet; write the columns to be read after the table's name",
                field.name(),
                files.location,
                field.data_type()
            ))),
        });
        Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, Error>>()?)))
    }

    /// A table for queries. `None` for one that is not in files.
    pub fn provider(&self, table: &Table) -> Option<Arc<dyn TableProvider>> {
        let Place::Files(files) = &table.place else { return None };
        let (files, places) = (files.clone(), self.clone());
        Some(Arc::new(FilesTable { files, places, schema: Arc::clone(&table.schema) }))
    }
}

fn failed(error: DataFusionError) -> Error {
    match crate::plan::diagnose::execution(error) {
        Error::Internal(message) => Error::Execution(message),
        other => other,
    }
}

#[derive(Debug)]
struct FilesTable {
    files: Files,
    places: Places,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters skip files and parts of them; all are applied again above.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let table = match self.files.format {
            FileFormat::Delta => delta(&self.files, &self.places).await?,
            _ => self.listed(state).await?,
        };
        let all = || (0..self.schema.fields().len()).collect();
        let wanted: Vec<&Field> =
            projection.cloned().unwrap_or_else(all).into_iter().map(|at| self.schema.field(at)).collect();
        let columns = wanted.iter().map(|field| Ok(table.schema().index_of(field.name())?));
        let columns = columns.collect::<Result<Vec<usize>>>()?;
        let pushed = table.supports_filters_pushdown(&filters.iter().collect::<Vec<_>>())?;
        let useful = |at: &usize| pushed.get(*at).is_some_and(|how| *how != TableProviderFilterPushDown::Unsupported);
        let filters: Vec<Expr> = (0..filters.len()).filter(useful).map(|at| filters[at].clone()).collect();
        let limit = if filters.is_empty() { limit } else { None };
        let scan = table.scan(state, Some(&columns), &filters, limit).await?;
        typed(scan, &wanted)
    }
}

impl FilesTable {
    async fn listed(&self, state: &dyn Session) -> Result<Arc<dyn TableProvider>> {
        let place = Listing::of(&self.files, &self.places, state).await?;
        let is_folder = |field: &&Arc<Field>| place.folders.contains(field.name());
        let inside: Vec<Arc<Field>> = self.schema.fields().iter().filter(|field| !is_folder(field)).cloned().collect();
        let folders = self.schema.fields().iter().filter(is_folder);
        // Folders have texts for names; those that the table does not declare are read past.
        let mut columns: Vec<(String, DataType)> =
            folders.map(|field| (field.name().clone(), field.data_type().clone())).collect();
        columns.sort_by_key(|(name, _)| place.folders.iter().position(|folder| folder == name));
        let all_declared = columns.len() == place.folders.len();
        let columns = if all_declared {
            columns
        } else {
            let known = |name: &String| columns.iter().find(|(column, _)| column == name).cloned();
            place.folders.iter().map(|name| known(name).unwrap_or((name.clone(), DataType::Utf8View))).collect()
        };
        let options = place.options.with_table_partition_cols(columns);
        let config = ListingTableConfig::new(place.url).with_listing_options(options);
        Ok(Arc::new(ListingTable::try_new(config.with_schema(Arc::new(Schema::new(inside))))?))
    }
}

/// Gives a scan's columns the types that the table declares.
fn typed(scan: Arc<dyn ExecutionPlan>, wanted: &[&Field]) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = scan.schema();
    let same = |(has, wants): (&Arc<Field>, &&Field)| has.data_type() == wants.data_type();
    if schema.fields().iter().zip(wanted).all(same) {
        return Ok(scan);
    }
    let columns = wanted.iter().map(|field| {
        let column = col(field.name(), &schema)?;
        Ok((cast(column, &schema, field.data_type().clone())?, field.name().clone()))
    });
    Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Result<Vec<_>>>()?, scan)?))
}

/// Where files lie, and what their folders are called.
struct Listing {
    url: ListingTableUrl,
    options: ListingOptions,
    /// Columns that folders give, from the outermost on.
    folders: Vec<String>,
}

impl Listing {
    async fn of(files: &Files, places: &Places, state: &dyn Session) -> Result<Listing> {
        let failed = |error| unreadable(files, &error);
        let url = places.find(files)?.listed(state).await.map_err(failed)?;
        let store = state.runtime_env().object_store(&url)?;
        let mut first = None;
        {
            let mut found = url.list_all_files(state, store.as_ref(), "").await.map_err(failed)?;
            while let Some(file) = found.next().await {
                let name = file.map_err(failed)?.location.to_string();
                let known = extensions(files.format).iter().find(|end| name.to_ascii_lowercase().ends_with(*end));
                // A file that is named is read, whatever its name ends with.
                if let Some(end) = known.copied().or((!url.is_collection()).then_some("")) {
                    first = Some(name[name.len() - end.len()..].to_owned());
                    break;
                }
            }
        }
        let Some(extension) = first else {
            let ends = extensions(files.format).join(", ");
            let message = format!("there are no {} files ({ends}) at {}", files.format, files.location);
            return Err(DataFusionError::Execution(message));
        };
        let options = ListingOptions::new(reader(files)).with_file_extension(extension);
        let folders = options.infer_partitions(state, &url).await?;
        Ok(Listing { url, options, folders })
    }
}

/// What keeps a place from being looked at. Servers answer with pages of XML: its first line says which request failed.
fn unreadable(files: &Files, error: &DataFusionError) -> DataFusionError {
    let text = error.strip_backtrace();
    let cause = text.lines().next().unwrap_or_default().trim_end_matches([' ', ':', '<']);
    let cause = cause.trim_start_matches("Object Store error: ").trim_start_matches("Generic S3 error: ");
    DataFusionError::Execution(format!("cannot read {}: {cause}", files.location))
}

fn reader(files: &Files) -> Arc<dyn Reader> {
    match files.format {
        FileFormat::Csv => Arc::new(CsvFormat::default().with_has_header(files.header).with_delimiter(files.delimiter)),
        FileFormat::Json => Arc::new(JsonFormat::default()),
        FileFormat::Parquet | FileFormat::Delta => Arc::new(ParquetFormat::default()),
    }
}

async fn delta(files: &Files, places: &Places) -> Result<Arc<dyn TableProvider>> {
    let (lake, folder) = places.find(files)?.folder()?;
    let refused = |error| DataFusionError::Execution(format!("{}: {error}", files.location));
    lake.read_external(folder).await.map_err(refused)
}
