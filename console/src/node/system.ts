// What the console reads of `system.` relations: one section each, with its query and how often it is asked.
//
// Only columns that a node has always had are named, all else comes with `*`: a newer or older node then shows what
// it has.

import { literal, OWN } from "../api/sql.ts";

export interface Relation {
  name: string;
  kind: Kind;
  owner: string;
  definition: string;
  version?: number;
  comment?: string | null;
}

export type Kind =
  | "stream"
  | "derived stream"
  | "keyed table"
  | "table"
  | "external table"
  | "view"
  | "scheduled view"
  | "source"
  | "sink"
  | "connection"
  | "feature view"
  | "model"
  | "experiment"
  | "chart"
  | "dashboard";

export interface Column {
  relation: string;
  position: number;
  name: string;
  type: string;
  nullable: boolean;
  comment?: string | null;
}

export interface Lineage {
  relation: string;
  depends_on: string;
}

export interface Stream {
  name: string;
  partitions: number;
  rows_since_start: number;
  lag: number;
  /** For how long ticks left records to the next, since the start; of declared streams. */
  backpressure_ms: number | null;
}

export interface Partition {
  stream: string;
  partition_id: number;
  first_offset: number;
  next_offset: number;
  stable_offset: number;
  watermark: string | null;
  idle: boolean;
  stopped: string | null;
}

export interface View {
  name: string;
  kind: string;
  rows: number | null;
  bytes: number | null;
  stopped: string | null;
  paused: boolean;
}

export interface Operator {
  name: string;
  view?: string;
  rows_since_start: number;
  busy_ms: number;
  groups: number;
  state_bytes: number;
}

export interface Checkpoint {
  number: number;
  taken_at: string;
  age_ms: number;
  /** Null for one of an engine before. */
  duration_ms: number | null;
  bytes: number | null;
}

export interface Rule {
  relation: string;
  rule: string;
  condition: string;
  on_violation: string;
  violations: number;
}

export interface DeadLetterCount {
  relation: string;
  dead_letters: number;
}

export interface Replay {
  view: string;
  state: string;
  rows_done: number;
  rows_total: number;
  started_at: string;
  took_ms?: number | null;
  /** Why it failed. */
  failure?: string | null;
  rate?: number | null;
  eta_ms?: number | null;
}

export interface Source {
  name: string;
  /** `running`, `ended`, `stopped` */
  state: string;
  rows_since_start: number;
  /** Where it is, such as file and line. */
  at: string | null;
  failure: string | null;
}

export interface Sink {
  name: string;
  /** `running`, `retrying`, `stopped` */
  state: string;
  rows_since_start: number;
  /** Records that are not delivered yet. */
  lag: number;
  failure: string | null;
}

export interface Query {
  id: string | number;
  text: string;
  door: string;
  user: string | null;
  state: string;
  started_at: string;
  duration_ms: number | null;
  rows: number | null;
  error: string | null;
}

export interface Change {
  version: number;
  changed_at: string;
  step: string;
}

/** As `CREATE CHART` declared it; see `dashboard/chart.ts` for what its texts hold. */
export interface ChartRow {
  name: string;
  /** `LINE`, `BAR`, `AREA`, `SCATTER`, `STAT`, `TABLE` */
  kind: string;
  title: string | null;
  query: string;
  /** JSON, as are the following. */
  options: string;
  columns: string;
  relations: string;
}

export interface DashboardRow {
  name: string;
  title: string | null;
  /** JSON, as are the following. */
  layout: string;
  options: string;
}

/** One refresh, check or whatever else happens by a schedule or on demand. */
export interface Run {
  run_id: string | number;
  object: string;
  /** `refresh`, `check`, `backfill`, `alert` */
  kind: string;
  /** `schedule`, `created`, `manual`, `backfill`, `catch-up`, `retry` */
  cause: string;
  /** `queued`, `running`, `succeeded`, `failed`, `held`, `interrupted`, `skipped` */
  state: string;
  attempt: number;
  due_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  rows: number | null;
  bytes: number | null;
  cpu_ms: number | null;
  error: string | null;
  /** JSON. */
  inputs: string | null;
  output_version: number | null;
  messages: string | null;
}

export interface Schedule {
  object: string;
  kind: string;
  schedule: string;
  next_due_at: string | null;
  last_run_id: string | number | null;
  last_state: string | null;
}

export interface ExpectationResult {
  run_id: string | number;
  suite: string;
  relation: string;
  expectation: string;
  column_name: string | null;
  arguments: string | null;
  severity: string | null;
  success: boolean;
  element_count: number | null;
  missing_count: number | null;
  unexpected_count: number | null;
  unexpected_percent: number | null;
  observed_value: string | number | null;
  samples: string | null;
  score: number | null;
  checked_at: string;
}

export interface Alert {
  alert: string;
  incident: number;
  /** JSON. */
  labels: string | null;
  /** `pending`, `firing`, `resolved`; `stopped`: the alert looks no more. */
  state: string;
  event_at: string | null;
  ended_at: string | null;
  fired_at: string | null;
  resolved_at: string | null;
  message: string | null;
  rows: number | null;
}

export interface Notification {
  alert: string;
  incident: number;
  labels: string | null;
  channel: string;
  /** `firing`, `resolved` */
  kind: string;
  /** `pending`, `sent`, `failed`, `suppressed` */
  state: string;
  attempts: number;
  error: string | null;
  sent_at: string | null;
}

export interface FeatureView {
  feature_view: string;
  /** The columns that tell entities apart, with commas. */
  entity: string;
  /** `continuous`, `scheduled` */
  mode: string;
  schedule: string | null;
  ttl: string | null;
  entities: number | null;
  newest_at: string | null;
  /** Seconds from the newest value until now. */
  lag: number | null;
  compared_at: string | null;
  /** Entities in all looks since the start, and those of which a value online is not what its history says. */
  compared: number | null;
  different: number | null;
  error: string | null;
}

export interface FeatureDifference {
  feature_view: string;
  feature: string;
  compared: number;
  different: number;
  largest: number | null;
  /** JSON of the entity that was found last, with both of its values. */
  entity: string | null;
  online: string | null;
  offline: string | null;
  found_at: string | null;
}

export interface Model {
  name: string;
  method: string | null;
  /** `class`, `number`, `anomaly`, `items`; `(ONNX)` behind it where it was trained elsewhere. */
  predicts: string;
  /** `untrained`, `serving`, `frozen` */
  state: string;
  champion: number | null;
  challenger: number | null;
  trained_at: string | null;
  /** Why it is neither trained nor promoted. */
  frozen: string | null;
  schedule: string;
  /** The columns that it needs, with commas. */
  inputs: string;
}

export interface ModelMetric {
  model: string;
  version: number;
  metric: string;
  value: number;
  trained_at: string;
}

export interface ModelDrift {
  model: string;
  version: number;
  /** Null: the score. */
  feature: string | null;
  psi: number | null;
  ks_statistic: number | null;
  ks_p_value: number | null;
  training_rows: number;
  rows: number;
}

export interface Experiment {
  experiment: string;
  unit: string;
  /** With their weights, the control first. */
  variants: string;
  salt: string;
  exposures: string;
  schedule: string;
  /** `new`, `valid`, `invalid` */
  state: string;
  units: number | null;
  mixed_units: number | null;
  forced_units: number | null;
  unknown_rows: number | null;
  sample_ratio_p_value: number | null;
  analysed_at: string | null;
  invalid: string | null;
}

export interface Sections {
  relations: Relation[];
  columns: Column[];
  lineage: Lineage[];
  streams: Stream[];
  partitions: Partition[];
  views: View[];
  operators: Operator[];
  checkpoints: Checkpoint[];
  rules: Rule[];
  dead_letters: DeadLetterCount[];
  replays: Replay[];
  sources: Source[];
  sinks: Sink[];
  changes: Change[];
  queries: Query[];
  charts: ChartRow[];
  dashboards: DashboardRow[];
  runs: Run[];
  schedules: Schedule[];
  expectation_results: ExpectationResult[];
  alerts: Alert[];
  notifications: Notification[];
  feature_views: FeatureView[];
  feature_differences: FeatureDifference[];
  models: Model[];
  model_metrics: ModelMetric[];
  model_drift: ModelDrift[];
  experiments: Experiment[];
}

export type SectionName = keyof Sections;

interface Section {
  query: string;
  every_ms: number;
}

const LIVE_MS = 1000;
const SLOW_MS = 5000;

export const SECTIONS: Record<SectionName, Section> = {
  relations: { query: "SELECT * FROM system.relations", every_ms: SLOW_MS },
  charts: { query: "SELECT * FROM system.charts", every_ms: SLOW_MS },
  dashboards: { query: "SELECT * FROM system.dashboards", every_ms: SLOW_MS },
  columns: { query: "SELECT * FROM system.columns", every_ms: SLOW_MS },
  lineage: { query: "SELECT * FROM system.lineage", every_ms: SLOW_MS },
  streams: { query: "SELECT * FROM system.streams", every_ms: LIVE_MS },
  partitions: { query: "SELECT * FROM system.partitions", every_ms: LIVE_MS },
  views: { query: "SELECT * FROM system.views", every_ms: LIVE_MS },
  operators: { query: "SELECT * FROM system.operators", every_ms: LIVE_MS },
  checkpoints: { query: "SELECT * FROM system.checkpoints", every_ms: LIVE_MS },
  rules: { query: "SELECT * FROM system.rules", every_ms: SLOW_MS },
  dead_letters: {
    query:
      "SELECT relation, count(*) AS dead_letters FROM system.dead_letters WHERE replayed_at IS NULL GROUP BY relation",
    every_ms: SLOW_MS,
  },
  replays: { query: "SELECT * FROM system.replays", every_ms: LIVE_MS },
  sources: { query: "SELECT * FROM system.sources", every_ms: SLOW_MS },
  sinks: { query: "SELECT * FROM system.sinks", every_ms: SLOW_MS },
  changes: { query: "SELECT * FROM system.changes", every_ms: SLOW_MS },
  runs: {
    query: "SELECT * FROM system.runs ORDER BY coalesce(started_at, due_at) DESC NULLS LAST LIMIT 500",
    every_ms: LIVE_MS,
  },
  schedules: { query: "SELECT * FROM system.schedules", every_ms: LIVE_MS },
  expectation_results: {
    query: "SELECT * FROM system.expectation_results ORDER BY checked_at DESC LIMIT 2000",
    every_ms: SLOW_MS,
  },
  alerts: {
    query: "SELECT * FROM system.alerts ORDER BY fired_at DESC NULLS FIRST LIMIT 500",
    every_ms: LIVE_MS,
  },
  notifications: {
    query: "SELECT * FROM system.notifications ORDER BY coalesce(sent_at, created_at) DESC LIMIT 200",
    every_ms: LIVE_MS,
  },
  feature_views: { query: "SELECT * FROM system.feature_views", every_ms: SLOW_MS },
  feature_differences: { query: "SELECT * FROM system.feature_differences", every_ms: SLOW_MS },
  models: { query: "SELECT * FROM system.models", every_ms: SLOW_MS },
  model_metrics: {
    query:
      "SELECT metrics.* FROM system.model_metrics AS metrics JOIN system.models AS models ON metrics.model = models.name " +
      "AND (metrics.version = models.champion OR metrics.version = models.challenger)",
    every_ms: SLOW_MS,
  },
  model_drift: { query: "SELECT * FROM system.model_drift", every_ms: SLOW_MS },
  experiments: { query: "SELECT * FROM system.experiments", every_ms: SLOW_MS },
  queries: {
    query:
      `SELECT * FROM system.queries WHERE text NOT LIKE ${literal(`${OWN}%`)} ` +
      "ORDER BY CASE state WHEN 'running' THEN 0 ELSE 1 END, started_at DESC LIMIT 100",
    every_ms: LIVE_MS,
  },
};

/** Asked only while a page shows it: it costs a request each time, and nothing else needs it. */
export const ON_DEMAND: ReadonlySet<SectionName> = new Set([
  "queries",
  "changes",
  "runs",
  "schedules",
  "expectation_results",
  "alerts",
  "notifications",
  "feature_views",
  "feature_differences",
  "models",
  "model_metrics",
  "model_drift",
  "experiments",
]);

/** Shown before all else is known: a dashboard asks for its charts then, and for nothing else before. */
export const EARLY: ReadonlySet<SectionName> = new Set(["charts", "dashboards", "relations"]);

export const EMPTY: Sections = {
  relations: [],
  columns: [],
  lineage: [],
  streams: [],
  partitions: [],
  views: [],
  operators: [],
  checkpoints: [],
  rules: [],
  dead_letters: [],
  replays: [],
  sources: [],
  sinks: [],
  changes: [],
  queries: [],
  charts: [],
  dashboards: [],
  runs: [],
  schedules: [],
  expectation_results: [],
  alerts: [],
  notifications: [],
  feature_views: [],
  feature_differences: [],
  models: [],
  model_metrics: [],
  model_drift: [],
  experiments: [],
};

/** The view that an operator works for: operators are named `view/number-kind`. */
export function viewOf(operator: Operator): string {
  return operator.view ?? operator.name.slice(0, Math.max(operator.name.lastIndexOf("/"), 0));
}
