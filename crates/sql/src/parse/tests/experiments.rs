//! `CREATE EXPERIMENT`: read right, told right when it is wrong.

use super::refused::told_each;
use super::*;
use crate::ast::{CreateExperiment, Metric, MetricOf};

pub(super) fn describe(create: &CreateExperiment) -> String {
    let variants = create.variants.iter().map(|variant| format!("{} {}", variant.name, variant.weight));
    let variants = variants.collect::<Vec<_>>().join(", ");
    let exposures = create.exposures.as_ref().map_or("itself".to_owned(), |exposures| {
        format!("{} {} {:?}", exposures.from, exposures.variant, exposures.timestamp.as_ref().map(|name| &name.value))
    });
    let schedule = create.schedule.as_ref().map_or("not said".to_owned(), ToString::to_string);
    let metrics: String = create.metrics.iter().map(metric).collect();
    let options = list(&create.options);
    format!(
        "experiment {} of {}: {variants} by {exposures}, {schedule} with {options}\n{metrics}",
        create.name, create.unit
    )
}

fn metric(metric: &Metric) -> String {
    let of = match &metric.of {
        MetricOf::Proportion(expression) => format!("proportion {}", expression.text),
        MetricOf::Mean(expression) => format!("mean {}", expression.text),
        MetricOf::Ratio { numerator, denominator } => format!("ratio {} over {}", numerator.text, denominator.text),
    };
    let condition = metric.condition.as_ref().map(|condition| condition.text.as_str());
    let (cuped, cap) = (metric.cuped.map(|(before, _)| before), metric.cap.map(|(share, _)| share));
    let unit = metric.unit.as_ref().map_or("the experiment's", |name| name.value.as_str());
    let at = metric.timestamp.as_ref().map(|name| name.value.as_str());
    format!(
        "  {} {of} from {} by {unit} at {at:?} where {condition:?} cuped {cuped:?} cap {cap:?} guardrail {:?} detect {:?} lower {}\n",
        metric.name, metric.from, metric.guardrail, metric.detect, metric.lower_is_better
    )
}

#[test]
fn experiments() {
    check(
        "CREATE EXPERIMENT Free_Shipping UNIT customer_id VARIANTS (control, \"Treatment\")
         METRICS (conversion PROPORTION (amount > 0) FROM orders);
         CREATE OR REPLACE EXPERIMENT e
         METRICS (
             revenue MEAN (amount * 2) FROM orders TIMESTAMP ordered_at WHERE status = 'paid' CUPED '30 days' DETECT 5%
                 CAPPED AT 0.99,
             aov RATIO (amount / (1)) FROM orders TIMESTAMP ordered_at GUARDRAIL 0.02 HIGHER IS BETTER,
             latency MEAN (ms) FROM pages UNIT visitor WHERE ms IS NOT NULL LOWER IS BETTER GUARDRAIL
         )
         WITH (salt = 'x', traffic = 0.5, layer = 'l', slot_to = 0.25, confidence = 0.9, looks = 'once', forced = (\"A b\" = 'c'))
         ANALYZE EVERY '1 hour' UNIT id EXPOSURES FROM seen (VARIANT arm TIMESTAMP at) VARIANTS (a 90, b 5, c 5);
         ANALYZE EXPERIMENT e",
        expect![[r#"
            experiment free_shipping of customer_id: control 1, Treatment 1 by itself, not said with ()
              conversion proportion amount > 0 from orders by the experiment's at None where None cuped None cap None guardrail None detect None lower false Refuse
            experiment e of id: a 90, b 5, c 5 by seen arm Some("at"), EVERY '1 hour' with (salt = 'x', traffic = 0.5, layer = 'l', slot_to = 0.25, confidence = 0.9, looks = 'once', forced = (A b = 'c'))
              revenue mean amount * 2 from orders by the experiment's at Some("ordered_at") where Some("status = 'paid'") cuped Some(2592000s) cap Some(0.99) guardrail None detect Some(Percent(5.0)) lower false
              aov ratio amount over (1) from orders by the experiment's at Some("ordered_at") where None cuped None cap None guardrail Some(Absolute(0.02)) detect None lower false
              latency mean ms from pages by visitor at None where Some("ms IS NOT NULL") cuped None cap None guardrail Some(Absolute(0.0)) detect None lower true Replace
            analyze e
        "#]],
    );
}

#[test]
fn experiments_that_are_wrong() {
    let statements = [
        "CREATE EXPERIMENT e",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a) METRICS (m MEAN (x) FROM t)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, A) METRICS (m MEAN (x) FROM t)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a 1, b) METRICS (m MEAN (x) FROM t)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a 0, b 1) METRICS (m MEAN (x) FROM t)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS ()",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEEN (x) FROM t)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN x FROM t)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m RATIO (x) FROM t)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t, m MEAN (y) FROM t)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t CUPED '1 day')",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t TIMESTAMP at CUPED 'soon')",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m PROPORTION (x) FROM t CAPPED AT 0.9)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t CAPPED AT 99)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t DETECT)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t WHENEVER)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) EXPOSURES seen",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) EXPOSURES FROM seen (arm)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) WITH (trafic = 1)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) WITH (traffic = 50)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) WITH (slot_from = 0.5)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) WITH (confidence = 95)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) WITH (forced = (a = 1))",
        "CREATE EXPERIMENT e UNIT u UNIT v VARIANTS (a, b) METRICS (m MEAN (x) FROM t)",
        "CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) AS SELECT 1",
        "ANALYZE EXPERIMENT",
    ];
    expect![[r#"
        CREATE EXPERIMENT e
            experiment e says no UNIT: the column that tells apart who is assigned [e] write it like CREATE EXPERIMENT name UNIT customer_id VARIANTS (control, treatment) METRICS (revenue MEAN (amount) FROM orders TIMESTAMP ordered_at)
        CREATE EXPERIMENT e UNIT u VARIANTS (a) METRICS (m MEAN (x) FROM t)
            an experiment has at least two variants [(a)] write VARIANTS (control, treatment) or VARIANTS (control 90, treatment 10)
        CREATE EXPERIMENT e UNIT u VARIANTS (a, A) METRICS (m MEAN (x) FROM t)
            variant a stands twice [A] 
        CREATE EXPERIMENT e UNIT u VARIANTS (a 1, b) METRICS (m MEAN (x) FROM t)
            variant b has no weight, and others do [b] give a weight to all of them, or to none
        CREATE EXPERIMENT e UNIT u VARIANTS (a 0, b 1) METRICS (m MEAN (x) FROM t)
            a weight is a whole number above zero [0] 
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b)
            experiment e says no METRICS: what variants are held against each other by [e] write it like CREATE EXPERIMENT name UNIT customer_id VARIANTS (control, treatment) METRICS (revenue MEAN (amount) FROM orders TIMESTAMP ordered_at)
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS ()
            expected the name of a metric, found ) [)] write it like revenue MEAN (amount) FROM orders TIMESTAMP ordered_at
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEEN (x) FROM t)
            expected PROPORTION, MEAN or RATIO, found MEEN [MEEN] did you mean MEAN?
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN x FROM t)
            expected (, found x [x] write an expression in parentheses: MEAN (amount); rows of a unit are summed
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m RATIO (x) FROM t)
            a ratio is one expression over another [x] write two expressions in parentheses, over each other: RATIO (amount / 1)
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t, m MEAN (y) FROM t)
            metric m stands twice [m] 
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t CUPED '1 day')
            metric m says no TIMESTAMP by which rows are from before [CUPED '1 day'] add TIMESTAMP and the column that says when a row happened
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t TIMESTAMP at CUPED 'soon')
            this is no length of time: a whole number is expected at 'soon' ['soon'] write it like CUPED '30 days'
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m PROPORTION (x) FROM t CAPPED AT 0.9)
            a proportion has no values that could be capped [CAPPED AT 0.9] 
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t CAPPED AT 99)
            expected a share between 0 and 1, found 99 [99] write CAPPED AT 0.99: greater values count as that of the 99th unit of 100
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t DETECT)
            expected the size of an effect, found ) [)] write DETECT 0.01, or DETECT 5% of the control
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t WHENEVER)
            expected UNIT, TIMESTAMP, WHERE, CUPED, CAPPED AT, GUARDRAIL, DETECT, LOWER IS BETTER, a comma or ), found WHENEVER [WHENEVER] 
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) EXPOSURES seen
            expected FROM, found seen [seen] write EXPOSURES FROM relation (VARIANT column TIMESTAMP column)
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) EXPOSURES FROM seen (arm)
            expected VARIANT, found arm [arm] write EXPOSURES FROM relation (VARIANT column TIMESTAMP column)
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) WITH (trafic = 1)
            unknown option trafic [trafic] did you mean traffic?
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) WITH (traffic = 50)
            traffic is a share between 0 and 1, in millionths [50] write it like 0.5, with up to six digits
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) WITH (slot_from = 0.5)
            slot_from is of a layer, and none is named [0.5] name it: layer = 'checkout'
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) WITH (confidence = 95)
            confidence lies between 0.5 and 1 [95] 
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) WITH (forced = (a = 1))
            a variant is named in single quotes [1] write forced = ("unit" = 'treatment')
        CREATE EXPERIMENT e UNIT u UNIT v VARIANTS (a, b) METRICS (m MEAN (x) FROM t)
            UNIT stands twice [UNIT v] 
        CREATE EXPERIMENT e UNIT u VARIANTS (a, b) METRICS (m MEAN (x) FROM t) AS SELECT 1
            expected UNIT, VARIANTS, EXPOSURES FROM, METRICS, ANALYZE, WITH or the end of the statement, found AS [AS] write it like CREATE EXPERIMENT name UNIT customer_id VARIANTS (control, treatment) METRICS (revenue MEAN (amount) FROM orders TIMESTAMP ordered_at)
        ANALYZE EXPERIMENT
            expected the name of the experiment, found the end of the statement [] 
    "#]].assert_eq(&told_each(&statements));
}
