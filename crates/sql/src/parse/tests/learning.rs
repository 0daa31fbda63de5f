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
        expect![[r#"
            features spending of (customer_id, Shop) at at known None ttl Some(2592000s) Continuous None with () as SELECT customer_id, at FROM orders Refuse
            features f of (a) at at known Some("told") ttl None Continuous Some(OnWindowClose) with (lateness = '1 minute') as SELECT * FROM t Replace
            features f of (a) at at known None ttl None Scheduled(Every { every: 86400s, offset: 0ns }) None with (retries = 3) as SELECT * FROM t Refuse
            model churn predicts Some("gone") using gradient_boosted_trees with (trees = 50) Some("EVERY '1 day'") when Some("auc > champion.auc AND (auc > 0.7)") as SELECT * FROM t Refuse
            model m predicts None using random_cut_forest with (seed = 3) None when None as SELECT a FROM t Keep
            model m in a file (path = 'a.onnx', columns = 'a, b', task = 'regression') Refuse
            train m
            promote m Some(3)
            promote m None
            drop FEATURE VIEW (f) if_exists=false cascade=false purge=true
            drop MODEL (m) if_exists=false cascade=false purge=false
        "#]],
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
    expect![[r#"
        CREATE FEATURE VIEW f AS SELECT 1
            feature view f says no ENTITY: the columns that tell apart what its features are of [f] add ENTITY (customer_id)
        CREATE FEATURE VIEW f ENTITY (a) AS SELECT 1
            feature view f says no TIMESTAMP: the column that says as of when they are [f] add TIMESTAMP updated_at
        CREATE FEATURE VIEW f ENTITY (a, a) TIMESTAMP b AS SELECT 1
            column a stands twice [a] 
        CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP b TTL 'soon' AS SELECT 1
            this is no length of time: a whole number is expected at 'soon' ['soon'] write it like TTL '30 days'
        CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP b TTL '0 days' AS SELECT 1
            values that count for no time are none ['0 days'] 
        CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP b TTL '1 day' TTL '2 days' AS SELECT 1
            TTL stands twice [TTL '2 days'] 
        CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP b PARTITION KEY (a) AS SELECT 1
            expected AS, found PARTITION [PARTITION] the query follows AS; before it stand ENTITY (…), TIMESTAMP, KNOWN AT, TTL, REFRESH and WITH
        CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP b REFRESH EVERY '1 day' AS SELECT 1 EMIT CHANGES
            a feature view that is refreshed by a schedule has no EMIT [EMIT CHANGES] each run tells all values; leave REFRESH away to keep them up to date
        CREATE FEATURE VIEW f ENTITY (a) TIMESTAMP b REFRESH EVERY '1 day' WITH (lateness = '1 day') AS SELECT 1
            unknown option lateness [lateness] the options here are retries, retry_delay, timeout, catch_up, pool
        CREATE MODEL m AS SELECT 1
            model m says nothing that learns [m] add USING, and one of gradient_boosted_trees, logistic_regression, linear_regression, matrix_factorization, random_cut_forest
        CREATE MODEL m PREDICT a AS SELECT 1
            model m says nothing that learns [m] add USING, and one of gradient_boosted_trees, logistic_regression, linear_regression, matrix_factorization, random_cut_forest
        CREATE MODEL m USING linear_regression AS SELECT 1
            model m says no column that it learns to tell [m] add PREDICT and one of the query's columns
        CREATE MODEL m PREDICT a USING linear_regresion AS SELECT 1
            nothing that learns is called linear_regresion [linear_regresion] did you mean linear_regression?
        CREATE MODEL m PREDICT a USING deep_learning AS SELECT 1
            nothing that learns is called deep_learning [deep_learning] what works: gradient_boosted_trees, logistic_regression, linear_regression, matrix_factorization, random_cut_forest
        CREATE MODEL m PREDICT a USING linear_regression WITH (trees = 3) AS SELECT 1
            unknown option trees [trees] the options here are exclude, retries, retry_delay, timeout, catch_up, pool, time_column, weight_column, test_share, refit, seed, l2, iterations
        CREATE MODEL m PREDICT a USING gradient_boosted_trees WITH (tree = 3) AS SELECT 1
            unknown option tree [tree] did you mean trees?
        CREATE MODEL m PREDICT a USING gradient_boosted_trees WITH (trees = 0) AS SELECT 1
            trees is 1 to 100000 [0] 
        CREATE MODEL m PREDICT a USING gradient_boosted_trees WITH (learning_rate = 0) AS SELECT 1
            learning_rate is more than 0 and at most 1 [0] 
        CREATE MODEL m PREDICT a USING gradient_boosted_trees WITH (test_share = 1) AS SELECT 1
            test_share is 0.01 to 0.9 [1] 
        CREATE MODEL m PREDICT a USING linear_regression PROMOTE WHEN r2 > 0 AS SELECT 1
            expected a condition in parentheses, found r2 [r2] write the condition in parentheses: PROMOTE WHEN (auc > champion.auc)
        CREATE MODEL m PREDICT a USING linear_regression RETRAIN DAILY AS SELECT 1
            expected EVERY, CRON or MANUAL, found DAILY [DAILY] 
        CREATE MODEL m FROM PICKLE (PATH 'a')
            expected ONNX, found PICKLE [PICKLE] write FROM ONNX (PATH 'models/churn.onnx')
        PROMOTE MODEL m
            expected VERSION, found the end of the statement [] system.model_versions has the versions
        PROMOTE MODEL m VERSION 'one'
            expected the number of a version, found 'one' ['one'] 
        TRAIN MODEL
            expected the name of the model, found the end of the statement [] 
    "#]].assert_eq(&told_each(&statements));
}
