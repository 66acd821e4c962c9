// Runs a panel's queries in Prometheus and returns Grafana data frames. Times are seconds, as in Prometheus.

import { createDataFrame, DataFrame, FieldType } from '@grafana/data';

export interface Scene {
  prometheus: string;
  from: number;
  to: number;
  variables: Record<string, string>;
}

interface Target {
  expr: string;
  instant: boolean;
  interval?: string;
  legendFormat?: string;
  format?: string;
  refId: string;
}

interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: Array<[number, string]>;
}

export function filled(text: string, variables: Record<string, string>): string {
  return text.replace(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (whole, braced, bare) => variables[braced ?? bare] ?? whole);
}

// Grafana names a table's only value column `Value` (`lone`), and one of several after its query's letter.
export async function answered(target: Target, scene: Scene, points: number, lone: boolean): Promise<DataFrame[]> {
  const step = Math.max(seconds(target.interval) || 120, Math.ceil((scene.to - scene.from) / points / 60) * 60);
  const aligned = Math.floor(scene.from / step) * step;
  const expression = filled(target.expr, { ...scene.variables, __rate_interval: `${Math.max(step, 480)}s`, __interval: `${step}s`, __range: `${scene.to - scene.from}s` });
  const query = new URLSearchParams({ query: expression });
  if (target.instant) {
    query.set('time', String(scene.to));
  } else {
    query.set('start', String(aligned));
    query.set('end', String(scene.to));
    query.set('step', String(step));
  }
  const response = await fetch(`${scene.prometheus}/api/v1/${target.instant ? 'query' : 'query_range'}?${query}`);
  const answer = await response.json();
  if (answer.status !== 'success') {
    throw new Error(`${answer.error}: ${expression}`);
  }
  const found: Series[] = answer.data.result;
  if (target.format === 'table') {
    return found.length ? [asTable(found, target.refId, lone ? 'Value' : `Value #${target.refId}`)] : [];
  }
  const series = found.map((one) => asSeries(one, target, { ...scene, from: aligned }, step));
  return target.format === 'heatmap' ? inBuckets(series) : series;
}

// `30m`, `1h`, `1d`
export function seconds(interval: string | undefined): number {
  const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400 };
  return interval ? Number(interval.slice(0, -1)) * units[interval.slice(-1)] : 0;
}

// From counts up to each bound to counts between bounds, as the data source does.
function inBuckets(series: DataFrame[]): DataFrame[] {
  const bound = (one: DataFrame) => (one.fields[1].labels!.le === '+Inf' ? Infinity : Number(one.fields[1].labels!.le));
  const ordered = [...series].sort((one, other) => bound(one) - bound(other));
  return ordered.map((one, place) => {
    const below = place ? ordered[place - 1].fields[1].values : [];
    const values = one.fields[1].values.map((value, at) => (value === null ? null : Math.max(0, value - (below[at] ?? 0))));
    return { ...one, fields: [one.fields[0], { ...one.fields[1], values }] };
  });
}

function asTable(found: Series[], refId: string, value: string): DataFrame {
  const labels = [...new Set(found.flatMap((one) => Object.keys(one.metric)))];
  const rows = found.flatMap((one) => (one.values ?? [one.value!]).map(([time, number]) => ({ time, number, metric: one.metric })));
  rows.sort((one, other) => one.time - other.time);
  return createDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: rows.map((one) => one.time * 1000) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, values: rows.map((one) => one.metric[label] ?? '') })),
      { name: value, type: FieldType.number, values: rows.map((one) => Number(one.number)) },
    ],
  });
}

// Missing steps become gaps, as in Grafana.
function asSeries(one: Series, target: Target, scene: Scene, step: number): DataFrame {
  const known = new Map((one.values ?? [one.value!]).map(([time, value]) => [time, Number(value)]));
  const times = one.value ? [one.value[0]] : Array.from({ length: Math.floor((scene.to - scene.from) / step) + 1 }, (_, i) => scene.from + i * step);
  const legend = target.legendFormat?.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => one.metric[label] ?? '');
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: times.map((time) => time * 1000) },
      {
        name: 'Value', type: FieldType.number, labels: one.metric, config: { displayNameFromDS: legend },
        values: times.map((time) => { const value = known.get(time); return value === undefined || Number.isNaN(value) ? null : value; }),
      },
    ],
  });
}
