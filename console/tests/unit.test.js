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
