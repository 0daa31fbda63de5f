// The words of our SQL, for highlighting and completion.

export const KEYWORDS = `add all alter analyze and as asc asof between by cascade case cast changes close column comment
connection constraint create cross cumulate current data database dead delete desc describe descriptor dimension
disable distinct drop else emit enable end escape every except exists expect explain external false
fetch files filter first following for format from full generator group having http if ilike in inner insert intersect
interval into is join key last lateral left letters like limit location manual materialized model natural not null nulls
of offset on or order outer over partition partitioned preceding predict primary promote purge range recursive refresh
replace replay restrict retrain right rollback row rows schema secret select semi sequence set show sink source stored
stream table then to train true truncate
unbounded union update using values verbose view violation watermark when where window with within`
  .split(/\s+/)
  .filter((word) => word !== "");

export const TYPES = `array bigint boolean bytea char date decimal double float int integer interval numeric real
smallint struct text time timestamp tinyint varchar`
  .split(/\s+/)
  .filter((word) => word !== "");

/** Functions with what stands between their parentheses, and what they are for. */
export const FUNCTIONS: [name: string, parameters: string, about: string][] = [
  ["tumble", "relation, time, INTERVAL '1 minute'", "windows side by side"],
  ["hop", "relation, time, INTERVAL '1 minute', INTERVAL '5 minutes'", "windows that overlap: slide, size"],
  ["ml_predict", "relation, model", "the rows, and what a model says of each"],
  ["ml_explain", "relation, model", "the same, and what each feature adds"],
  ["recommend", "relation, model, 10", "items for each row"],
  ["assign", "'experiment', unit", "the variant that a unit has"],
  ["count", "*", "number of rows"],
  ["sum", "x", "exact for decimals"],
  ["avg", "x", "mean"],
  ["min", "x", "least"],
  ["max", "x", "greatest"],
  ["median", "x", "middle value"],
  ["stddev", "x", "standard deviation of a sample"],
  ["approx_distinct", "x", "roughly how many values"],
  ["approx_percentile_cont", "x, 0.95", "roughly a quantile"],
  ["array_agg", "x", "values as a list"],
  ["first_value", "x", "in a window"],
  ["last_value", "x", "in a window"],
  ["row_number", "", "in a window"],
  ["rank", "", "in a window"],
  ["lag", "x, 1", "value some rows before"],
  ["lead", "x, 1", "value some rows after"],
  ["coalesce", "x, y", "first that is not NULL"],
  ["nullif", "x, y", "NULL where equal"],
  ["abs", "x", ""],
  ["round", "x, 2", ""],
  ["floor", "x", ""],
  ["ceil", "x", ""],
  ["power", "x, 2", ""],
  ["sqrt", "x", ""],
  ["ln", "x", ""],
  ["greatest", "x, y", ""],
  ["least", "x, y", ""],
  ["lower", "text", ""],
  ["upper", "text", ""],
  ["trim", "text", ""],
  ["substr", "text, 1, 3", ""],
  ["length", "text", "in characters"],
  ["concat", "a, b", ""],
  ["replace", "text, 'from', 'to'", ""],
  ["split_part", "text, ',', 1", ""],
  ["starts_with", "text, 'start'", ""],
  ["regexp_like", "text, 'pattern'", ""],
  ["regexp_replace", "text, 'pattern', 'by'", ""],
  ["now", "", "the time of the query"],
  ["current_date", "", ""],
  ["date_trunc", "'hour', time", "start of the hour, day, …"],
  ["date_bin", "INTERVAL '5 minutes', time", "start of its span"],
  ["date_part", "'dow', time", ""],
  ["extract", "hour FROM time", ""],
  ["to_timestamp", "x", ""],
];

const KEYWORD_SET = new Set(KEYWORDS);
const TYPE_SET = new Set(TYPES);

export function isKeyword(word: string): boolean {
  return KEYWORD_SET.has(word.toLowerCase());
}

export function isType(word: string): boolean {
  return TYPE_SET.has(word.toLowerCase());
}
