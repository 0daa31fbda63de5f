// What a node tells of expectations, alerts, drift and differences, made up here: the pages are held against its columns.

const MINUTE_MS = 60_000;

export function told(now_ms) {
  const at = (minutes) => new Date(now_ms - minutes * MINUTE_MS).toISOString();
  const result = (run, minutes, more) => ({
    run_id: run, suite: "orders_daily", relation: "orders", column_name: null, arguments: "customer_id", severity: "error", success: true,
    element_count: 12000, missing_count: 0, unexpected_count: 0, unexpected_percent: 0, observed_value: null, samples: null, score: null,
    checked_at: at(minutes), ...more,
  });
  const results = [];
  const scores = [1, 1, 0.98, 1, 0.66, 0.66, 1, 1, 0.9, 0.66];
  scores.forEach((score, index) => {
    const [run, minutes, isLast] = [100 + index, (scores.length - index) * 60, index === scores.length - 1];
    const all = [
      { expectation: "table_row_count_to_be_between", arguments: "1000, 1000000", observed_value: "12000" },
      { expectation: "column_values_to_not_be_null", column_name: "category", arguments: "category", observed_value: "0.984",
        success: !isLast, unexpected_count: isLast ? 192 : 3, unexpected_percent: 1.6, samples: isLast ? '[{"order_id":17},{"order_id":99}]' : null },
      { expectation: "column_mean_to_be_between", column_name: "amount", arguments: "amount, 10, 200", observed_value: "61.2" },
    ];
    results.push(...all.map((each) => result(run, minutes, { score, ...each })));
  });
  results.push(result(200, 30, { suite: "customers", relation: "customers", expectation: "column_values_to_be_unique", column_name: "customer_id", score: 1 }));
  const alert = (name, more) => ({
    alert: name, incident: 1, labels: null, state: "resolved", ended_at: at(40), fired_at: at(85), resolved_at: at(40), event_at: at(85), message: null,
    rows: 1, ...more,
  });
  return {
    "system.expectation_results": results,
    "system.alerts": [
      alert("payments_fail", { labels: '{"method":"card","country":"FR"}', state: "firing", fired_at: at(12), ended_at: null, resolved_at: null,
        message: "31 % of payments were declined in the last 5 minutes" }),
      alert("orders_stall", { labels: "{}", message: "no order for 10 minutes" }),
    ],
    "system.notifications": [
      { alert: "payments_fail", channel: "log", kind: "firing", state: "sent", attempts: 1, error: null, sent_at: at(12) },
      { alert: "payments_fail", channel: "on_call", kind: "firing", state: "failed", attempts: 5, error: "the server answered with status 500", sent_at: null },
    ],
  };
}

/** Rows that are others than those of the training, and feature views of which a value differs online. */
export function drifted(now_ms) {
  const at = (minutes) => new Date(now_ms - minutes * MINUTE_MS).toISOString();
  const drift = (feature, psi) => ({ model: "churn", version: 1, feature, psi, ks_statistic: psi, ks_p_value: 0.00001, training_rows: 800, rows: 5000 });
  const view = (name, more) => ({
    feature_view: name, entity: "customer", mode: "continuous", schedule: null, ttl: "30 days", entities: 2, newest_at: at(3), lag: 180, compared_at: at(1),
    compared: 4000, different: 0, error: null, ...more,
  });
  const feature = (name, more) => ({
    feature_view: "spending", feature: name, compared: 4000, different: 0, largest: null, entity: null, online: null, offline: null, found_at: null, ...more,
  });
  return {
    "system.model_drift": [drift(null, 0.11), drift("visits", 0.31), { ...drift("plan", 0.02), ks_statistic: null, ks_p_value: null }],
    "system.feature_views": [
      view("steady"),
      view("spending", { different: 12 }),
      view("broken", { compared: 0, error: "history.broken can't be read: the archive has gone" }),
    ],
    "system.feature_differences": [
      feature("payments"),
      feature("spent", { different: 12, largest: 40, entity: '{"customer":"ann"}', online: "105", offline: "65", found_at: at(2) }),
    ],
  };
}

/** Answers for the node where it is asked for one of these. */
export async function tell(page, relations = told(Date.now())) {
  await page.route("**/v1/sql?*", async (route) => {
    const found = /FROM (system\.\w+)/.exec(route.request().postData() ?? "")?.[1];
    const rows = found === undefined ? undefined : relations[found];
    if (rows === undefined) return await route.fallback();
    await route.fulfill({ status: 200, contentType: "application/json", body: JSON.stringify(rows) });
  });
}
