// What can be wrong without a page: cutting SQL apart, numbers with all their digits, layouts, scales.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createServer } from "vite";

let server;
before(async () => {
  server = await createServer({ server: { middlewareMode: true }, appType: "custom", logLevel: "error" });
});
after(async () => await server?.close());

const load = (path) => server.ssrLoadModule(`/src/${path}`);

test("statements end at semicolons that are no part of a string, a name or a comment", async () => {
  const { statements, statementAt } = await load("sql/tokens.ts");
  const cases = [
    ["SELECT 1", ["SELECT 1"]],
    ["SELECT 1;\n\nSELECT 2;", ["SELECT 1", "SELECT 2"]],
    ["SELECT ';'; SELECT 'it''s; fine'", ["SELECT ';'", "SELECT 'it''s; fine'"]],
    ['SELECT ";" FROM "a;b"', ['SELECT ";" FROM "a;b"']],
    ["-- a; b\nSELECT 1; /* c; d */ SELECT 2", ["SELECT 1", "SELECT 2"]],
    [" ;; ; ", []],
    ["SELECT 'never closed; SELECT 2", ["SELECT 'never closed; SELECT 2"]],
  ];
  for (const [text, wanted] of cases) {
    const found = statements(text);
    for (const each of found) assert.equal(text.slice(each.start, each.end), each.text, text);
    const bare = found.map((each) => each.text.replaceAll(/--.*\n|\/\*.*?\*\//g, "").trim());
    assert.deepEqual(bare, wanted, text);
  }
  assert.match(statementAt("SELECT 1;\nSELECT 2;\n", 12).text, /SELECT 2/);
});

test("places that the node gives in bytes are found in text", async () => {
  const { indexOfByte } = await load("sql/tokens.ts");
  for (const [text, byte, index] of [["abc", 2, 2], ["äbc", 2, 1], ["日本x", 6, 2], ["😀x", 4, 2], ["ab", 9, 2]]) {
    assert.equal(indexOfByte(text, byte), index, `${text} ${byte}`);
  }
});

test("numbers keep the digits that a double has not", async () => {
  const { parse, shown, csv, time } = await load("api/value.ts");
  const [row] = parse('[{"big":9223372036854775807,"price":10.50,"small":7,"none":null,"at":"2026-01-01T00:00:01.500Z"}]');
  // Browsers give the source of a number; so does Node from version 21.
  if (typeof row.big === "object") {
    assert.equal(shown(row.big), "9223372036854775807");
    assert.equal(shown(row.price), "10.50");
  }
  assert.equal(shown(row.small), "7");
  assert.equal(shown(row.none), "NULL");
  assert.equal(shown(row.at), "2026-01-01 00:00:01.500");
  assert.equal(time("2026-01-01T00:00:00"), Date.UTC(2026, 0, 1));
  assert.equal(time("2026"), null);
  assert.equal(csv(["a", "b"], [{ a: 'x,"y"', b: null }, { a: "", b: 1 }]), 'a,b\r\n"x,""y""",\r\n"",1\r\n');
});

test("a layout has rows flow to the right, and no card on another", async () => {
  const { layout, CARD_HEIGHT } = await load("graph/layout.ts");
  let state = 7;
  const random = (below) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state % below;
  };
  for (let round = 0; round < 60; round += 1) {
    const count = 1 + random(40);
    const vertices = Array.from({ length: count }, (_, index) => ({ name: `r${index}`, kind: "view" }));
    const edges = vertices
      .slice(1)
      .flatMap((_, index) => [random(index + 1), random(index + 1)].slice(0, 1 + random(2)).map((from) => `r${from}→r${index + 1}`));
    const unique = [...new Set(edges)].map((edge) => ({ from: edge.split("→")[0], to: edge.split("→")[1] }));
    const { cards, routes } = layout({ vertices, edges: unique });
    assert.equal(cards.size, count);
    assert.equal(routes.length, unique.length);
    for (const { from, to } of unique) assert.ok(cards.get(from).layer < cards.get(to).layer, `round ${round}: ${from} → ${to}`);
    const all = [...cards.values()];
    for (const a of all) {
      const onIt = all.filter((b) => b !== a && b.layer === a.layer && Math.abs(a.y - b.y) < CARD_HEIGHT);
      assert.deepEqual(onIt, [], `round ${round}`);
    }
    assert.deepEqual(layout({ vertices, edges: unique }), layout({ vertices, edges: unique }));
  }
});

test("a graph that goes in circles is laid out, too", async () => {
  const { layout } = await load("graph/layout.ts");
  const vertices = ["a", "b"].map((name) => ({ name, kind: "view" }));
  const { cards } = layout({ vertices, edges: [{ from: "a", to: "b" }, { from: "b", to: "a" }, { from: "a", to: "a" }] });
  assert.equal(cards.size, 2);
});

test("axes have round marks and hold all values", async () => {
  const { range, ticks, timeTicks } = await load("chart/scale.ts");
  for (const values of [[], [0], [5], [0.001, 0.002], [-3, 4], [1, 1e9], [99.9, 100.1]]) {
    const [low, high] = range(values);
    assert.ok(low < high, `${values}`);
    for (const value of values) assert.ok(low <= value && value <= high, `${value} in ${low}..${high}`);
    assert.ok(ticks(low, high, 4).length <= 9, `${values}`);
  }
  const day = timeTicks(Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 2), 5);
  assert.ok(day.length >= 2 && day.length <= 9);
});

test("figures are short and say their unit", async () => {
  const { bytes, duration, rate, brieflyBehind, whole } = await load("node/figures.ts");
  assert.deepEqual([rate(null), rate(0), rate(1.25), rate(12345)], ["–", "0/s", "1.3/s", "12.3K/s"]);
  assert.deepEqual([bytes(512), bytes(5120), bytes(3 * 2 ** 30)], ["512 B", "5.0 KiB", "3.0 GiB"]);
  assert.deepEqual([duration(0.5), duration(4200), duration(192_000)], ["0.50 ms", "4.2 s", "3 min 12 s"]);
  assert.equal(whole(1234567), "1,234,567");
  const now = Date.UTC(2026, 10, 25, 10);
  assert.equal(brieflyBehind(5000, now), "5 s behind");
  assert.equal(brieflyBehind(now - Date.UTC(2026, 0, 1, 0, 7), now), "at 01-01 00:07");
  assert.equal(brieflyBehind(now - Date.UTC(2011, 3, 2), now), "at 2011-04-02");
});

test("names and texts are quoted where SQL asks for it", async () => {
  const { quoted, literal } = await load("api/sql.ts");
  assert.deepEqual(["plain", "Mixed", 'a"b', "system.views"].map(quoted), ["plain", '"Mixed"', '"a""b"', "system.views"]);
  assert.equal(literal("it's"), "'it''s'");
});

test("marks of time follow the calendar", async () => {
  const { calendarTicks } = await load("chart/calendar.ts");
  const texts = (low, high, count) => calendarTicks(low, high, count).map(({ text }) => text);
  const at = (...parts) => Date.UTC(...parts);
  assert.deepEqual(texts(at(2026, 0, 1), at(2026, 0, 2), 4), ["1 Jan", "06:00", "12:00", "18:00", "2 Jan"]);
  assert.deepEqual(texts(at(2026, 0, 30), at(2026, 1, 3), 5), ["30 Jan", "31 Jan", "1 Feb", "2 Feb", "3 Feb"]);
  // Mondays.
  assert.deepEqual(texts(at(2026, 10, 1), at(2026, 10, 30), 5), ["2 Nov", "9 Nov", "16 Nov", "23 Nov", "30 Nov"]);
  assert.deepEqual(texts(at(2025, 10, 5), at(2026, 2, 5), 4), ["Dec", "2026", "Feb", "Mar"]);
  assert.deepEqual(texts(at(2019, 5, 1), at(2023, 5, 1), 4), ["2020", "2021", "2022", "2023"]);
  assert.ok(calendarTicks(at(1900, 0, 1), at(2100, 0, 1), 5).length <= 9);
});

test("a time that is shown is read from the address and written there", async () => {
  const { readRange, rangeOf, writeRange } = await load("dashboard/range.ts");
  const day_ms = 86_400_000;
  assert.deepEqual(readRange("", 30 * day_ms), { kind: "last", length_ms: 30 * day_ms });
  assert.deepEqual(readRange("?range=all", day_ms), { kind: "all" });
  assert.deepEqual(readRange("?range=ever", null), { kind: "all" });
  const own = { kind: "own", from_ms: Date.UTC(2026, 0, 1), until_ms: Date.UTC(2026, 0, 2, 3, 4) };
  assert.equal(writeRange(own), "?from=2026-01-01T00:00&until=2026-01-02T03:04");
  for (const range of [own, rangeOf(null), rangeOf(7 * day_ms)]) assert.deepEqual(readRange(writeRange(range), 1), range);
  assert.deepEqual(readRange("?from=2026-01-02T00:00&until=2026-01-01T00:00", null), { kind: "all" });
});

const chart = (kind, more = {}) => ({
  name: "c", kind, title: "c", unit: "", query: "SELECT * FROM t", x: "at", overTime: true, y: ["n"], series: null,
  value: null, compare: null, columns: [], types: new Map([["at", "TIMESTAMP"]]), isStacked: false, relations: ["t"], ...more,
});

test("the time is a condition of the question, and what is too much is left out with a word", async () => {
  const { question } = await load("dashboard/question.ts");
  const { draw } = await load("dashboard/draw.ts");
  const now = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  assert.equal(
    question(chart("LINE"), { kind: "last", length_ms: 3_600_000 }, now),
    "SELECT /* console */ at, n FROM (SELECT * FROM t) AS drawn WHERE at >= TIMESTAMP '2026-01-02 02:04:05.678' ORDER BY at DESC LIMIT 5001",
  );
  const own = { kind: "own", from_ms: Date.UTC(2026, 0, 1), until_ms: now };
  const days = chart("BAR", { types: new Map([["at", "DATE"]]) });
  assert.match(question(days, own, now), /WHERE at >= DATE '2026-01-01' AND at < DATE '2026-01-03' ORDER BY/);
  const names = chart("BAR", { x: "Who", overTime: false, types: new Map([["Who", "VARCHAR"]]) });
  assert.match(question(names, own, now), /SELECT \/\* console \*\/ "Who", n FROM \(SELECT \* FROM t\) AS drawn ORDER BY n DESC LIMIT 41$/);
  const ordered = { ...names, query: 'select "Who", n from t order by n' };
  assert.match(question({ ...ordered, ...chart("LINE"), query: ordered.query }, own, now), /AS drawn WHERE at .* LIMIT 5001$/);
  assert.equal(question(ordered, own, now), 'SELECT /* console */ "Who", n from t order by n');
  const rows = Array.from({ length: 5001 }, (_, index) => ({ at: new Date(index * 1000).toISOString(), n: index }));
  const drawn = draw(chart("LINE"), rows);
  assert.equal(drawn.note, "the last 5,000 rows");
  assert.equal(drawn.plotted.series[0].points.length, 5000);
  assert.deepEqual(draw(chart("LINE"), []), { kind: "empty" });
});

test("what is stacked loses nothing: series past the sixth are one together, below nought is below", async () => {
  const { draw } = await load("dashboard/draw.ts");
  const { placed } = await load("chart/plotted.ts");
  const at = "2026-01-01T00:00:00Z";
  const rows = Array.from({ length: 9 }, (_, index) => ({ at, who: `w${index}`, n: index === 8 ? -5 : index + 1 }));
  const drawn = draw(chart("BAR", { series: "who", isStacked: true }), rows);
  assert.deepEqual(drawn.plotted.series.map(({ name }) => name), ["w4", "w5", "w6", "w7", "w8", "4 others"].sort((a, b) => a.localeCompare(b)).filter((name) => name !== "4 others").concat("4 others"));
  const marks = placed(drawn.plotted).flat();
  assert.equal(marks.reduce((sum, { y }) => sum + y, 0), rows.reduce((sum, { n }) => sum + n, 0));
  assert.equal(Math.max(...marks.map(({ high }) => high)), 36);
  assert.equal(Math.min(...marks.map(({ high }) => high)), -5);
  const lines = draw(chart("LINE", { series: "who" }), rows);
  assert.equal(lines.note, "the largest 6 of 9 series");
  const twice = draw(chart("BAR"), [{ at, n: 1 }, { at, n: 2 }]);
  assert.equal(twice.note, "rows with the same at are summed up");
  assert.deepEqual(placed(twice.plotted), [[{ x: Date.parse(at), low: 0, high: 3, y: 3 }]]);
});

test("a column's values are drawn as they say most: few one by one, many numbers by ranges, keys not at all", async () => {
  const { drawing, plain, warnings } = await load("profile/profile.ts");
  const ranges = { from: 0, to: 10, counts: [3, 1] };
  const top = [{ value: "a", count: 3 }, { value: "", count: 2 }];
  const column = { rows: 9, nulls: 1, distinct_values: 4, histogram: null, top_values: JSON.stringify(top) };
  const bars = [{ name: "a", value: 3 }, { name: "(empty)", value: 2 }];
  assert.deepEqual(drawing(column), { kind: "values", bars, rest: 3 });
  const numbers = { ...column, distinct_values: 21, histogram: JSON.stringify(ranges) };
  assert.deepEqual(drawing(numbers), { kind: "ranges", ranges: { ...ranges, isTime: false } });
  const times = { from: "2026-01-01T00:00:00Z", to: "2026-01-02", counts: [3, 1] };
  const days = drawing({ ...numbers, histogram: JSON.stringify(times) });
  assert.deepEqual(days.ranges, { from: Date.UTC(2026, 0, 1), to: Date.UTC(2026, 0, 2), counts: [3, 1], isTime: true });
  assert.equal(drawing({ ...numbers, distinct_values: 20 }).kind, "values");
  const key = JSON.stringify([{ value: "x", count: 1 }, { value: "y", count: 1 }]);
  assert.deepEqual(drawing({ ...column, top_values: key, distinct_values: 8 }), { kind: "none" });
  assert.deepEqual(drawing({ ...column, top_values: null, distinct_values: 70_000 }), { kind: "none" });
  assert.equal(plain('"2026-01-01"'), "2026-01-01");
  assert.equal(plain('"2026-01-01T02:03:04.567Z"'), "2026-01-01 02:03:04");
  assert.equal(plain("9007199254740993"), "9007199254740993");
  assert.equal(plain("12.50"), "12.50");
  assert.equal(plain(null), null);
  assert.deepEqual(warnings({ warnings: '["all values are the same"]' }), ["all values are the same"]);
});

test("statements of models, experiments and feature views are laid out by their clauses", async () => {
  const { format } = await load("sql/format.ts");
  const cases = [
    [
      "create model churn predict gone using gradient_boosted_trees with (trees = 20) retrain every '1 day' promote when (auc > champion.auc) as select version, unit from visits",
      "CREATE MODEL churn\nPREDICT gone\nUSING gradient_boosted_trees\nWITH (trees = 20)\nRETRAIN EVERY '1 day'\nPROMOTE WHEN (auc > champion.auc)\nAS SELECT version, unit\nFROM visits",
    ],
    [
      "create or replace experiment e unit unit variants (a 2, b 1) metrics (mean mean (x % 7) from t timestamp happened guardrail 2 %) analyze manual",
      "CREATE OR REPLACE EXPERIMENT e\nUNIT unit\nVARIANTS (a 2, b 1)\nMETRICS (mean MEAN (x % 7) FROM t TIMESTAMP happened GUARDRAIL 2%)\nANALYZE MANUAL",
    ],
    [
      "create feature view f entity (id) timestamp at ttl '30 days' as select id, now() as at, n from t",
      "CREATE FEATURE VIEW f\nENTITY (id)\nTIMESTAMP at\nTTL '30 days'\nAS SELECT id, now() AS at, n\nFROM t",
    ],
  ];
  for (const [canonical, wanted] of cases) assert.equal(format(canonical), wanted);
});

test("what an experiment's statement says of its metrics", async () => {
  const { declared, marginShare } = await load("experiments/declared.ts");
  const found = declared(
    "create experiment e unit id variants (a, b) exposures from seen (variant arm timestamp at) metrics (" +
      "revenue mean (case when lower > 1 then detect else 0 end) from orders timestamp at cuped '30 days' detect 5 %, " +
      '"Guard Rail" proportion (x in (1, 2)) from t guardrail 0.5 lower is better, plain ratio (a / b) from t guardrail) ' +
      "with (looks = 'once', confidence = 0.9)",
  );
  assert.deepEqual(
    found.metrics.map(({ name, measured, guardrail, detect, cuped, isLowerBetter }) => [name, measured, guardrail, detect, cuped, isLowerBetter]),
    [
      ["revenue", "mean (case when lower > 1 then detect else 0 end) from orders timestamp at", null, "5%", "30 days", false],
      ["Guard Rail", "proportion (x in (1, 2)) from t", "0.5", null, null, true],
      ["plain", "ratio (a / b) from t", "0", null, null, false],
    ],
  );
  assert.deepEqual(found.exposures, { variant: "arm", time: "at" });
  assert.deepEqual([found.looks, found.confidence, found.power, found.sampleRatioThreshold], ["once", 0.9, 0.8, 0.001]);
  assert.deepEqual([marginShare("2%", 50), marginShare("1", 50), marginShare("0", null), marginShare("1", 0), marginShare(null, 1)], [0.02, 0.02, 0, null, null]);
});

test("intervals as shares of the control, those that take out what was before first", async () => {
  const { effect, scaled, counted } = await load("experiments/experiments.ts");
  const row = { relative: 0.1, difference: 2, low: 1, high: 3, sequential_low: 0, sequential_high: 4 };
  const cuped = { cuped_difference: 3, cuped_low: 2, cuped_high: 4, cuped_sequential_low: null, cuped_sequential_high: null };
  const plain = effect({ ...row, cuped_difference: null });
  assert.deepEqual(scaled(plain, row, -20), { difference: 0.1, once: [0.05, 0.15], any: [0, 0.2], isCuped: false });
  assert.deepEqual(effect({ ...row, ...cuped }), { difference: 3, once: [2, 4], any: null, isCuped: true });
  assert.equal(scaled(plain, { relative: null }, 20), null);
  const results = [["m", "a", 30], ["m", "b of 2", 10], ["n", "a", 5]].map(([metric, variant, units]) => ({ metric, variant, units }));
  const expected = counted({ variants: "a 3, b of 2 1" }, results).map(({ name, observed, expected }) => [name, observed, expected]);
  assert.deepEqual(expected, [["a", 30, 30], ["b of 2", 10, 10]]);
});

test("a question about one row has every value as it was written", async () => {
  const { question, keyMetric, trainingQuery } = await load("models/models.ts");
  const model = { name: "Churn", method: "gradient_boosted_trees", predicts: "class", inputs: "visits, Plan, code" };
  assert.equal(
    question(model, { visits: "3", Plan: "it's big", code: "007" }),
    `SELECT * FROM ML_EXPLAIN((SELECT 3 AS visits, 'it''s big' AS "Plan", '007' AS code), "Churn")`,
  );
  assert.match(question({ ...model, predicts: "number (ONNX)" }, {}), /^SELECT \* FROM ML_PREDICT\(\(SELECT NULL AS visits/);
  assert.match(question({ ...model, predicts: "items", inputs: "who" }, { who: "u" }), /^SELECT item, score FROM RECOMMEND\(\(SELECT 'u' AS who\)/);
  const definition = "create model m using x with (time_column = 'as') promote when (brier < coalesce (champion.brier, 1)) as select cast (a as int) from t";
  assert.equal(keyMetric(definition, ["auc", "brier"]), "brier");
  assert.equal(keyMetric("", ["accuracy", "auc"]), "auc");
  assert.equal(trainingQuery(definition), "select cast (a as int) from t");
});

test("an axis that need not begin at nought has two ends, also of one value", async () => {
  const { heights } = await load("chart/plotted.ts");
  const mark = (y) => ({ x: 0, low: 0, high: y, y });
  for (const values of [[1], [0.75, 0.75], [0.8, 0.84], [120, 121]]) {
    const [low, high] = heights([values.map(mark)], true);
    assert.ok(low < high && low <= Math.min(...values) && high >= Math.max(...values), `${values}: ${low} ${high}`);
  }
});

test("intervals that are far wider than the last one don't make all others flat", async () => {
  const { heights } = await load("chart/plotted.ts");
  const mark = (y, reach) => ({ x: 0, low: 0, high: y, y, bands: [[y - reach, y + reach]] });
  assert.deepEqual(heights([[mark(1, 100), mark(1, 2)]], false), [-5, 10]);
  assert.deepEqual(heights([[mark(1, 3), mark(1, 2), { ...mark(1, 0), bands: [null] }]], false), [-2, 4]);
});
