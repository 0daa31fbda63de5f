//! `CREATE FEATURE VIEW`, `CREATE MODEL` and the statements about versions: read right, told right when they are wrong.

use super::refused::told_each;
use super::*;
use crate::ast::{CreateFeatureView, CreateModel, Learned};

pub(super) fn describe_features(create: &CreateFeatureView) -> String {
    let known = create.known_at.as_ref().map(|name| &name.value);
    let (entity, time, ttl) = (names(&create.entity), &create.timestamp, create.ttl);
    let rows = &create.rows;
    format!(
        "features {} of {entity} at {time} known {known:?} ttl {ttl:?} {:?} {:?} with {} as {}\n",
        create.name,
        rows.refresh,
        rows.emit,
        list(&create.options),
        rows.query_text
    )
}

pub(super) fn describe_model(create: &CreateModel) -> String {
    match &create.from {
        Learned::Onnx(options) => format!("model {} in a file {}\n", create.name, list(options)),
        Learned::Rows(training) => {
            let predict = training.predict.as_ref().map(|name| &name.value);
            let promote = training.promote.as_ref().map(|condition| &condition.text);
            let retrain = training.retrain.as_ref().map(ToString::to_string);
            let (method, options) = (training.method.as_str(), list(&training.options));
            format!(
                "model {} predicts {predict:?} using {method} with {options} {retrain:?} when {promote:?} as {}\n",
                create.name, training.query.text
            )
        }
    }
}

#[test]
fn features_and_models() {
    check(
        "CREATE FEATURE VIEW Spending ENTITY (customer_id, \"Shop\") TIMESTAMP at TTL '30 days'
             AS SELECT customer_id, at FROM orders;
         CREATE OR REPLACE FEATURE VIEW f KNOWN AT told TIMESTAMP at WITH (lateness = '1 minute') ENTITY (a)
             AS SELECT * FROM t EMIT ON WINDOW CLOSE;
         CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP at REFRESH EVERY '1 day' AS SELECT * FROM t WITH (retries = 3);
         CREATE MODEL Churn PREDICT gone USING gradient_boosted_trees WITH (trees = 50) RETRAIN EVERY '1 day'
             PROMOTE WHEN (auc > champion.auc AND (auc > 0.7)) AS SELECT * FROM t;
         CREATE MODEL IF NOT EXISTS m USING random_cut_forest AS SELECT a FROM t WITH (seed = 3);
         CREATE MODEL m FROM ONNX (PATH 'a.onnx', COLUMNS 'a, b', TASK 'regression');
         TRAIN MODEL m; PROMOTE MODEL m VERSION 3; ROLLBACK MODEL m;
         DROP FEATURE VIEW f PURGE; DROP MODEL m",
        expect![[]],
    );
}

#[test]
fn features_and_models_that_are_wrong() {
    let statements = [
        "CREATE FEATURE VIEW f AS SELECT 1",
        "CREATE FEATURE VIEW f ENTITY (a) AS SELECT 1",
        "CREATE FEATURE VIEW f ENTITY (a, a) TIMESTAMP b AS SELECT 1",
        "CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP b TTL 'soon' AS SELECT 1",
        "CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP b TTL '0 days' AS SELECT 1",
        "CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP b TTL '1 day' TTL '2 days' AS SELECT 1",
        "CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP b PARTITION KEY (a) AS SELECT 1",
        "CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP b REFRESH EVERY '1 day' AS SELECT 1 EMIT CHANGES",
        "CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP b REFRESH EVERY '1 day' WITH (lateness = '1 day') AS SELECT 1",
        "CREATE MODEL m AS SELECT 1",
        "CREATE MODEL m PREDICT a AS SELECT 1",
        "CREATE MODEL m USING linear_regression AS SELECT 1",
        "CREATE MODEL m PREDICT a USING linear_regresion AS SELECT 1",
        "CREATE MODEL m PREDICT a USING deep_learning AS SELECT 1",
        "CREATE MODEL m PREDICT a USING linear_regression WITH (trees = 3) AS SELECT 1",
        "CREATE MODEL m PREDICT a USING gradient_boosted_trees WITH (tree = 3) AS SELECT 1",
        "CREATE MODEL m PREDICT a USING gradient_boosted_trees WITH (trees = 0) AS SELECT 1",
        "CREATE MODEL m PREDICT a USING gradient_boosted_trees WITH (learning_rate = 0) AS SELECT 1",
        "CREATE MODEL m PREDICT a USING gradient_boosted_trees WITH (test_share = 1) AS SELECT 1",
        "CREATE MODEL m PREDICT a USING linear_regression PROMOTE WHEN r2 > 0 AS SELECT 1",
        "CREATE MODEL m PREDICT a USING linear_regression RETRAIN DAILY AS SELECT 1",
        "CREATE MODEL m FROM PICKLE (PATH 'a')",
        "PROMOTE MODEL m",
        "PROMOTE MODEL m VERSION 'one'",
        "TRAIN MODEL",
    ];
    expect![[]].assert_eq(&told_each(&statements));
}
