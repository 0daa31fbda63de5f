//! What is declared, as relations: `system.relations`, `system.columns`, `system.lineage`
//! and `system.changes`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int32Array, Int64Array};
use headwater_catalog::{Applied, Definitions, Kind, Owner};
use headwater_query::Relations;
use headwater_query::relation::{EXPOSURES, FeatureView, HISTORY, Relation, companion};
use headwater_query::sqltype::sql_name;

use super::{text, times};

/// Taken when what runs changes.
#[derive(Default)]
pub struct Declared {
    relations: Vec<Object>,
    columns: Vec<Column>,
    lineage: Vec<(String, String)>,
    changes: Vec<Applied>,
    pub feature_views: Vec<Arc<FeatureView>>,
}

struct Object {
    name: String,
    kind: &'static str,
    owner: &'static str,
    definition: String,
    version: i64,
    comment: Option<String>,
}

struct Column {
    relation: String,
    position: i32,
    name: String,
    data_type: String,
    nullable: bool,
    comment: Option<String>,
}

impl Declared {
    pub fn new(definitions: &Definitions, changes: &[Applied], relations: &Relations) -> Declared {
        let feature_views = relations.feature_views().cloned().collect();
        let mut declared = Declared { changes: changes.to_vec(), feature_views, ..Declared::default() };
        for definition in definitions.iter() {
            let relation = match definition.kind {
                Kind::Experiment => relations.get(&companion(EXPOSURES, &definition.name)),
                _ => relations.get(&definition.name),
            };
            let history = relations.get(&companion(HISTORY, &definition.name));
            let history = history.filter(|_| definition.kind == Kind::FeatureView);
            declared.relations.push(Object {
                name: definition.name.clone(),
                kind: match (definition.kind, &relation) {
                    (Kind::Source, _) => "source",
                    (Kind::Stream, _) => "stream",
                    (Kind::View, Some(Relation::Stream(_))) => "derived stream",
                    (Kind::View, _) => "keyed table",
                    (Kind::ScheduledView, _) => "scheduled view",
                    (Kind::PlainView, _) => "view",
                    (Kind::Table, _) => "table",
                    (Kind::ExternalTable, _) => "external table",
                    (Kind::Sink, _) => "sink",
                    (Kind::Alert, _) => "alert",
                    (Kind::Connection, _) => "connection",
                    (Kind::Secret, _) => "secret",
                    (Kind::Chart, _) => "chart",
                    (Kind::Dashboard, _) => "dashboard",
                    (Kind::Expectations, _) => "expectations",
                    (Kind::FeatureView, _) => "feature view",
                    (Kind::Model, _) => "model",
                    (Kind::Experiment, _) => "experiment",
                },
                owner: match definition.owner {
                    Owner::Project => "project",
                    Owner::Client => "client",
                },
                definition: definition.text.clone(),
                version: definition.version as i64,
                comment: definition.comments.get("").cloned(),
            });
            declared.lineage.extend(definition.depends_on.iter().map(|on| (definition.name.clone(), on.clone())));
            for relation in relation.into_iter().chain(history) {
                declared.columns_of(&relation, &definition.comments);
            }
        }
        declared
    }

    fn columns_of(&mut self, relation: &Relation, comments: &BTreeMap<String, String>) {
        self.columns.extend((1..).zip(relation.schema().fields()).map(|(position, field)| Column {
            relation: relation.name().to_owned(),
            position,
            name: field.name().clone(),
            data_type: sql_name(field.data_type()),
            nullable: field.is_nullable(),
            comment: comments.get(field.name()).cloned(),
        }));
    }

    pub fn relations(&self) -> Vec<ArrayRef> {
        let all = &self.relations;
        vec![
            text(all.iter().map(|each| Some(each.name.as_str()))),
            text(all.iter().map(|each| Some(each.kind))),
            text(all.iter().map(|each| Some(each.owner))),
            text(all.iter().map(|each| Some(each.definition.as_str()))),
            Arc::new(all.iter().map(|each| each.version).collect::<Int64Array>()),
            text(all.iter().map(|each| each.comment.as_deref())),
        ]
    }

    pub fn columns(&self) -> Vec<ArrayRef> {
        let all = &self.columns;
        vec![
            text(all.iter().map(|each| Some(each.relation.as_str()))),
            Arc::new(all.iter().map(|each| each.position).collect::<Int32Array>()),
            text(all.iter().map(|each| Some(each.name.as_str()))),
            text(all.iter().map(|each| Some(each.data_type.as_str()))),
            Arc::new(all.iter().map(|each| Some(each.nullable)).collect::<BooleanArray>()),
            text(all.iter().map(|each| each.comment.as_deref())),
        ]
    }

    pub fn lineage(&self) -> Vec<ArrayRef> {
        vec![
            text(self.lineage.iter().map(|(relation, _)| Some(relation.as_str()))),
            text(self.lineage.iter().map(|(_, on)| Some(on.as_str()))),
        ]
    }

    pub fn changes(&self) -> Vec<ArrayRef> {
        let all: Vec<(&Applied, &String)> =
            self.changes.iter().flat_map(|change| change.steps.iter().map(move |step| (change, step))).collect();
        vec![
            Arc::new(all.iter().map(|(change, _)| change.version as i64).collect::<Int64Array>()),
            times(all.iter().map(|(change, _)| Some(change.committed_us))),
            text(all.iter().map(|(_, step)| Some(step.as_str()))),
        ]
    }
}
