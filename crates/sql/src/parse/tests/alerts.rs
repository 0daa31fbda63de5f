//! `CREATE ALERT`: read right, told right when it is wrong.

use super::refused::told_each;
use super::*;
use crate::ast::{CreateAlert, Notify, Schedule};

pub(super) fn describe(create: &CreateAlert) -> String {
    let notify = create.notify.iter().map(|channel| match channel {
        Notify::Webhook(options) => format!("webhook {}", list(options)),
        Notify::Email { connection, options } => format!("email by {connection} {}", list(options)),
        Notify::Log => "log".to_owned(),
    });
    let notify = notify.collect::<Vec<_>>().join("; ");
    let (groups, time) = (names(&create.group_by), create.timestamp.as_ref().map(|name| name.value.as_str()));
    let rows = &create.rows;
    format!(
        "alert {} {:?} tells {notify}\n  by {groups} at {time:?} with {}\n  as {} emit {:?} with {}",
        create.name,
        create.schedule.as_ref().map(|schedule| matches!(schedule, Schedule::Every { .. })),
        list(&create.options),
        rows.query_text,
        rows.emit,
        list(&rows.options)
    )
}

#[test]
fn alerts() {
    check(
        "CREATE OR REPLACE ALERT Down
         NOTIFY WEBHOOK (URL 'https://x', HEADERS (authorization = SECRET hook_token)),
                EMAIL (TO 'ops@example.com', CONNECTION mail), LOG
         GROUP BY (Country) TIMESTAMP window_end
         WITH (for = '10 seconds', resolve_after = '5 minutes', lateness = '1 minute', message = '{errors} errors')
         AS SELECT country, count(*) AS errors FROM TUMBLE(views, at, INTERVAL '1 minute') WITH (max_age = 'none');",
        expect![[r#"
            error: WITH stands twice
             --> orders.sql:6:92
              |
            6 |          AS SELECT country, count(*) AS errors FROM TUMBLE(views, at, INTERVAL '1 minute') WITH (max_age = 'none');
              |                                                                                            ^^^^^^^^^^^^^^^^^^^^^^^
        "#]],
    );
    check(
        "CREATE OR REPLACE ALERT Down
         NOTIFY WEBHOOK (URL 'https://x', HEADERS (authorization = SECRET hook_token)),
                EMAIL (TO 'ops@example.com', CONNECTION mail), LOG
         GROUP BY (Country) TIMESTAMP window_end
         WITH (for = '10 seconds', resolve_after = '5 minutes', lateness = '1 minute', message = '{errors} errors')
         AS SELECT country, count(*) AS errors FROM TUMBLE(views, at, INTERVAL '1 minute') GROUP BY country
         EMIT ON WINDOW CLOSE;
         CREATE ALERT IF NOT EXISTS b CRON '0 2 * * *' NOTIFY LOG AS SELECT * FROM broken",
        expect![[r#"
            alert down None tells webhook (url = 'https://x', headers = (authorization = secret hook_token)); email by mail (to = 'ops@example.com'); log
              by (country) at Some("window_end") with (for = '10 seconds', resolve_after = '5 minutes', lateness = '1 minute', message = '{errors} errors')
              as SELECT country, count(*) AS errors FROM TUMBLE(views, at, INTERVAL '1 minute') GROUP BY country emit Some(OnWindowClose) with (lateness = '1 minute') Replace
            alert b Some(false) tells log
              by () at None with ()
              as SELECT * FROM broken emit None with () Keep
        "#]],
    );
}

#[test]
fn alerts_that_are_wrong() {
    let statements = [
        "CREATE ALERT a AS SELECT 1",
        "CREATE ALERT a NOTIFY AS SELECT 1",
        "CREATE ALERT a NOTIFY WEBHOK (URL 'x') AS SELECT 1",
        "CREATE ALERT a NOTIFY WEBHOOK AS SELECT 1",
        "CREATE ALERT a NOTIFY EMAIL (TO 'x') AS SELECT 1",
        "CREATE ALERT a NOTIFY EMAIL (CONNECTION mail, TO 'x', TO 'y') AS SELECT 1",
        "CREATE ALERT a NOTIFY EMAIL (CONNECTION mail, CONNECTION mail) AS SELECT 1",
        "CREATE ALERT a NOTIFY LOG, AS SELECT 1",
        "CREATE ALERT a NOTIFY LOG NOTIFY LOG AS SELECT 1",
        "CREATE ALERT a NOTIFY LOG GROUP BY country AS SELECT 1",
        "CREATE ALERT a NOTIFY LOG WITH (fur = '1 minute') AS SELECT 1",
        "CREATE ALERT a NOTIFY LOG WITH (retries = -1) AS SELECT 1",
        "CREATE ALERT a NOTIFY LOG WITH (max_age = 'never') AS SELECT 1",
        "CREATE ALERT a NOTIFY LOG SELECT 1",
        "CREATE ALERT a MANUAL NOTIFY LOG AS SELECT 1",
        "CREATE ALERT a EVERY 'soon' NOTIFY LOG AS SELECT 1",
        "CREATE ALERT a EVERY '1 minute' NOTIFY LOG TIMESTAMP at AS SELECT 1",
        "CREATE ALERT a EVERY '1 minute' NOTIFY LOG AS SELECT 1 EMIT CHANGES",
        "CREATE ALERT a EVERY '1 minute' NOTIFY LOG WITH (lateness = '1 minute') AS SELECT 1",
        "CREATE ALERT a NOTIFY LOG AS SELECT 1 EMIT CHANGES, LOG",
        "DROP ALERT a PURGE",
        "ALTER ALERT a PAUSE",
    ];
    expect![[r#"
        CREATE ALERT a AS SELECT 1
            alert a tells nobody [a] what works: NOTIFY WEBHOOK (URL 'https://…'), NOTIFY EMAIL (TO 'address', CONNECTION name), NOTIFY LOG
        CREATE ALERT a NOTIFY AS SELECT 1
            expected WEBHOOK, EMAIL or LOG, found AS [AS] what works: NOTIFY WEBHOOK (URL 'https://…'), NOTIFY EMAIL (TO 'address', CONNECTION name), NOTIFY LOG
        CREATE ALERT a NOTIFY WEBHOK (URL 'x') AS SELECT 1
            expected WEBHOOK, EMAIL or LOG, found WEBHOK [WEBHOK] did you mean WEBHOOK?
        CREATE ALERT a NOTIFY WEBHOOK AS SELECT 1
            expected (, found AS [AS] what works: NOTIFY WEBHOOK (URL 'https://…'), NOTIFY EMAIL (TO 'address', CONNECTION name), NOTIFY LOG
        CREATE ALERT a NOTIFY EMAIL (TO 'x') AS SELECT 1
            an e-mail needs the connection of a server that takes it [(TO 'x')] write EMAIL (TO 'address', CONNECTION name)
        CREATE ALERT a NOTIFY EMAIL (CONNECTION mail, TO 'x', TO 'y') AS SELECT 1
            option to stands twice [TO] 
        CREATE ALERT a NOTIFY EMAIL (CONNECTION mail, CONNECTION mail) AS SELECT 1
            CONNECTION stands twice [CONNECTION mail] 
        CREATE ALERT a NOTIFY LOG, AS SELECT 1
            expected WEBHOOK, EMAIL or LOG, found AS [AS] what works: NOTIFY WEBHOOK (URL 'https://…'), NOTIFY EMAIL (TO 'address', CONNECTION name), NOTIFY LOG
        CREATE ALERT a NOTIFY LOG NOTIFY LOG AS SELECT 1
            NOTIFY stands twice [NOTIFY LOG] 
        CREATE ALERT a NOTIFY LOG GROUP BY country AS SELECT 1
            expected (, found country [country] 
        CREATE ALERT a NOTIFY LOG WITH (fur = '1 minute') AS SELECT 1
            unknown option fur [fur] did you mean for?
        CREATE ALERT a NOTIFY LOG WITH (retries = -1) AS SELECT 1
            retries must be 0 to 1000 [-1] 
        CREATE ALERT a NOTIFY LOG WITH (max_age = 'never') AS SELECT 1
            option max_age must be a duration, not the text 'never' ['never'] a whole number is expected at 'never'; write it like '7 days' or '1 hour 30 minutes'
        CREATE ALERT a NOTIFY LOG SELECT 1
            expected AS, found SELECT [SELECT] the query follows AS; before it stand NOTIFY, GROUP BY, TIMESTAMP and WITH
        CREATE ALERT a MANUAL NOTIFY LOG AS SELECT 1
            an alert that never looks tells nobody [MANUAL] write EVERY '1 minute', or nothing: then it looks all the time
        CREATE ALERT a EVERY 'soon' NOTIFY LOG AS SELECT 1
            this is no length of time: a whole number is expected at 'soon' ['soon'] write it like '1 hour' or '1 hour 30 minutes'
        CREATE ALERT a EVERY '1 minute' NOTIFY LOG TIMESTAMP at AS SELECT 1
            TIMESTAMP belongs to an alert that looks all the time [at] one that looks by a schedule sees what is there at that moment
        CREATE ALERT a EVERY '1 minute' NOTIFY LOG AS SELECT 1 EMIT CHANGES
            EMIT belongs to an alert that looks all the time [EMIT CHANGES] one that looks by a schedule sees what is there at that moment
        CREATE ALERT a EVERY '1 minute' NOTIFY LOG WITH (lateness = '1 minute') AS SELECT 1
            lateness belongs to an alert that looks all the time [lateness = '1 minute'] one that looks by a schedule sees what is there at that moment
        CREATE ALERT a NOTIFY LOG AS SELECT 1 EMIT CHANGES, LOG
            expected EMIT, WITH or the end of the statement, found , [,] 
        DROP ALERT a PURGE
            an alert has no history to purge [PURGE] 
        ALTER ALERT a PAUSE
            PAUSE is not built yet [PAUSE] what works: SET (enabled = false), SET (enabled = true)
    "#]].assert_eq(&told_each(&statements));
}
