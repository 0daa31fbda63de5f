//! Charts and dashboards: read right, told right when they are wrong.

use super::refused::told_each;
use super::*;
use crate::ast::{ChartRows, CreateChart, CreateDashboard, Range};

fn check_charts(text: &str, expect: Expect) {
    let mut told = String::new();
    for one in parse(&SourceText::new("charts.sql", text)).unwrap() {
        match &one.statement {
            Statement::CreateChart(chart) => describe_chart(chart, &mut told).unwrap(),
            Statement::CreateDashboard(dashboard) => describe_dashboard(dashboard, &mut told).unwrap(),
            Statement::Drop(drop) => writeln!(told, "drop {} {}", drop.kind, names(&drop.names)).unwrap(),
            other => writeln!(told, "{}", other.words()).unwrap(),
        }
    }
    expect.assert_eq(&told);
}

fn describe_chart(chart: &CreateChart, told: &mut String) -> std::fmt::Result {
    write!(told, "{} {} {:?}", chart.kind, chart.name, chart.existing)?;
    for (word, column) in
        [("x", &chart.x), ("series", &chart.series), ("value", &chart.value), ("compare", &chart.compare)]
    {
        if let Some(column) = column {
            write!(told, " {word}={column}")?;
        }
    }
    write!(told, " y={} columns={}", names(&chart.y), names(&chart.columns))?;
    write!(told, " {:?} {:?} stacked={}", chart.title, chart.unit, chart.is_stacked)?;
    match &chart.from {
        ChartRows::Relation(name) => writeln!(told, " from {name}"),
        ChartRows::Query(query) => writeln!(told, " from ({})", query.text),
    }
}

fn describe_dashboard(dashboard: &CreateDashboard, told: &mut String) -> std::fmt::Result {
    let range = match dashboard.range {
        Range::All => "all".to_owned(),
        Range::Last(length) => format!("{length:?}"),
    };
    let CreateDashboard { name, title, refresh, .. } = dashboard;
    writeln!(told, "dashboard {name} {title:?} {range} every {refresh:?}")?;
    for row in &dashboard.rows {
        let charts = row.charts.iter().map(|each| format!("{}{}", each.chart, if each.is_wide { " wide" } else { "" }));
        writeln!(told, "  {}", charts.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

#[test]
fn what_is_drawn() {
    check_charts(
        "CREATE CHART revenue_by_day AS BAR (X sold_on, Y revenue, SERIES country, TITLE 'Revenue', UNIT 'EUR', STACKED true)
         FROM sales_by_day;
         CREATE OR REPLACE CHART load AS line (x = \"At\", Y (p50, p99)) FROM (SELECT * FROM latencies WHERE p99 > 0);
         CREATE CHART IF NOT EXISTS orders AS STAT (VALUE orders, COMPARE yesterday) FROM ((SELECT 1 AS orders, 2 AS yesterday));
         CREATE CHART newest AS TABLE FROM orders;
         CREATE CHART some AS TABLE (COLUMNS (a, b), X at) FROM orders;
         CREATE CHART sizes AS SCATTER (X width, Y height) FROM TUMBLES;
         DROP CHART IF EXISTS load, newest;
         DROP DASHBOARD shop",
        expect![[r#"
            BAR revenue_by_day Refuse x=sold_on series=country y=(revenue) columns=() Some("Revenue") Some("EUR") stacked=true from sales_by_day
            LINE load Replace x=At y=(p50, p99) columns=() None None stacked=false from (SELECT * FROM latencies WHERE p99 > 0)
            STAT orders Keep value=orders compare=yesterday y=() columns=() None None stacked=false from ((SELECT 1 AS orders, 2 AS yesterday))
            TABLE newest Refuse y=() columns=() None None stacked=false from orders
            TABLE some Refuse x=at y=() columns=(a, b) None None stacked=false from orders
            SCATTER sizes Refuse x=width y=(height) columns=() None None stacked=false from tumbles
            drop CHART (load, newest)
            drop DASHBOARD (shop)
        "#]],
    );
}

#[test]
fn where_it_is_drawn() {
    check_charts(
        "CREATE DASHBOARD shop (
             ROW (orders_today, revenue_today, conversion),
             ROW (revenue_by_day WIDE, top_products)
         ) WITH (title = 'The shop', range = '30 days', refresh = '1 second');
         CREATE DASHBOARD plain (ROW (one));
         CREATE DASHBOARD whole (ROW (\"WIDE\" WIDE)) WITH (range = 'ALL');
         SHOW DASHBOARDS; SHOW CHARTS; COMMENT ON CHART one IS 'x'",
        expect![[r#"
            dashboard shop Some("The shop") 2592000s every 1s
              orders_today, revenue_today, conversion
              revenue_by_day wide, top_products
            dashboard plain None all every 100ms
              one
            dashboard whole None all every 100ms
              WIDE wide
            SHOW
            SHOW
            COMMENT
        "#]],
    );
}

#[test]
fn wrong_charts() {
    let statements = [
        "CREATE CHART c LINE (X a, Y b) FROM t",
        "CREATE CHART c AS LINES (X a, Y b) FROM t",
        "CREATE CHART c AS LINE (X a) FROM t",
        "CREATE CHART c AS LINE (Y a) FROM t",
        "CREATE CHART c AS STAT (X a) FROM t",
        "CREATE CHART c AS LINE (X 'a', Y b) FROM t",
        "CREATE CHART c AS LINE (X a, Y b, STACKED true) FROM t",
        "CREATE CHART c AS STAT (VALUE a, Y b, SERIES c) FROM t",
        "CREATE CHART c AS BAR (X a, Y b, STACK true) FROM t",
        "CREATE CHART c AS BAR (X a, X b, Y c) FROM t",
        "CREATE CHART c AS BAR (X a, Y (b, c), SERIES d) FROM t",
        "CREATE CHART c AS BAR (X a, Y (b, c, d, e, f, g, h)) FROM t",
        "CREATE CHART c AS BAR (X a, Y b, TITLE c) FROM t",
        "CREATE CHART c AS BAR (X a, Y b)",
        "CREATE CHART c AS BAR (X a, Y b) FROM SELECT 1",
        "CREATE CHART c AS BAR (X a, Y b) FROM (SELECT 1",
        "CREATE CHART c AS TABLE FROM t LIMIT 3",
        "ALTER CHART c SET (title = 'x')",
    ];
    expect![[r#"
        CREATE CHART c LINE (X a, Y b) FROM t
            expected AS, found LINE [LINE] write it like CREATE CHART revenue AS LINE (X at, Y amount) FROM orders
        CREATE CHART c AS LINES (X a, Y b) FROM t
            expected LINE, BAR, AREA, SCATTER, STAT, TABLE, found LINES [LINES] did you mean LINE?
        CREATE CHART c AS LINE (X a) FROM t
            a chart AS LINE needs Y [LINE] add Y column: the number that goes up
        CREATE CHART c AS LINE (Y a) FROM t
            a chart AS LINE needs X [LINE] add X column: what goes across
        CREATE CHART c AS STAT (X a) FROM t
            a chart AS STAT needs VALUE [STAT] add VALUE column: the number that is shown
        CREATE CHART c AS LINE (X 'a', Y b) FROM t
            expected the name of a column, found 'a' ['a'] a column stands without quotes, or in double ones
        CREATE CHART c AS LINE (X a, Y b, STACKED true) FROM t
            a chart AS LINE has no STACKED [STACKED] its options are X, Y, SERIES, TITLE, UNIT
        CREATE CHART c AS STAT (VALUE a, Y b, SERIES c) FROM t
            a chart AS STAT has no Y [Y] its options are VALUE, COMPARE, X, TITLE, UNIT
            a chart AS STAT has no SERIES [SERIES] its options are VALUE, COMPARE, X, TITLE, UNIT
        CREATE CHART c AS BAR (X a, Y b, STACK true) FROM t
            unknown option stack [STACK] did you mean STACKED?
        CREATE CHART c AS BAR (X a, X b, Y c) FROM t
            X stands twice [X b] 
        CREATE CHART c AS BAR (X a, Y (b, c), SERIES d) FROM t
            SERIES divides one column of Y, and there are several [Y] draw one column, or leave SERIES out
        CREATE CHART c AS BAR (X a, Y (b, c, d, e, f, g, h)) FROM t
            more columns of Y than can be told apart [Y] draw at most 6 of them; other charts can have the others
        CREATE CHART c AS BAR (X a, Y b, TITLE c) FROM t
            expected a text, found c [c] texts stand in single quotes
        CREATE CHART c AS BAR (X a, Y b)
            expected FROM, found the end of the statement [] say what is drawn: FROM relation, or FROM (SELECT …)
        CREATE CHART c AS BAR (X a, Y b) FROM SELECT 1
            expected a relation, or a query in parentheses, found SELECT [SELECT] put the query in parentheses: FROM (SELECT …)
        CREATE CHART c AS BAR (X a, Y b) FROM (SELECT 1
            expected the end of the query, and ), found the end of the statement [] 
        CREATE CHART c AS TABLE FROM t LIMIT 3
            expected the end of the statement, found LIMIT [LIMIT] statements are separated by semicolons
        ALTER CHART c SET (title = 'x')
            ALTER CHART is not built yet [ALTER CHART] ALTER takes STREAM, SOURCE, SINK, TABLE, EXTERNAL TABLE, VIEW, MATERIALIZED VIEW, ALERT, USER; CREATE OR REPLACE makes the others anew
    "#]].assert_eq(&told_each(&statements));
}

#[test]
fn wrong_dashboards() {
    let statements = [
        "CREATE DASHBOARD d",
        "CREATE DASHBOARD d ()",
        "CREATE DASHBOARD d (a, b)",
        "CREATE DASHBOARD d (ROW ())",
        "CREATE DASHBOARD d (ROW (a, b), ROW (A))",
        "CREATE DASHBOARD d (ROW (a TALL))",
        "CREATE DASHBOARD d (ROW (a)) WITH (range = 'ever')",
        "CREATE DASHBOARD d (ROW (a)) WITH (refresh = '1 ms')",
        "CREATE DASHBOARD d (ROW (a)) WITH (titel = 'x')",
        "DROP DASHBOARD d PURGE",
    ];
    expect![[r#"
        CREATE DASHBOARD d
            expected (, found the end of the statement [] write it like CREATE DASHBOARD shop (ROW (orders, revenue), ROW (products WIDE))
        CREATE DASHBOARD d ()
            expected ROW, found ) [)] write it like CREATE DASHBOARD shop (ROW (orders, revenue), ROW (products WIDE))
        CREATE DASHBOARD d (a, b)
            expected ROW, found a [a] write it like CREATE DASHBOARD shop (ROW (orders, revenue), ROW (products WIDE))
        CREATE DASHBOARD d (ROW ())
            expected the name of a chart, found ) [)] 
        CREATE DASHBOARD d (ROW (a, b), ROW (A))
            chart a stands twice [A] 
        CREATE DASHBOARD d (ROW (a TALL))
            expected WIDE, a comma or ), found TALL [TALL] 
        CREATE DASHBOARD d (ROW (a)) WITH (range = 'ever')
            range must be a length of time, or 'all' ['ever'] write it like '30 days'
        CREATE DASHBOARD d (ROW (a)) WITH (refresh = '1 ms')
            refresh must be '100 ms' or more ['1 ms'] less could not be seen
        CREATE DASHBOARD d (ROW (a)) WITH (titel = 'x')
            unknown option titel [titel] did you mean title?
        DROP DASHBOARD d PURGE
            a dashboard has no history to purge [PURGE] 
    "#]].assert_eq(&told_each(&statements));
}
