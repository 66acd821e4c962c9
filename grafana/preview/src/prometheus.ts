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
  return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced, bare) => variables[braced ?? bare] ?? whole);
}

// Grafana names a table's only value column `Value` (`lone`), and one of several after its query's letter.
export async function answered(target: Target, scene: Scene, points: number, lone: boolean): Promise<DataFrame[]> {
  const step = Math.max(target.interval === '30m' ? 1800 : 120, Math.ceil((scene.to - scene.from) / points / 60) * 60);
  const expression = filled(target.expr, { ...scene.variables, __rate_interval: `${Math.max(step, 480)}s`, __interval: `${step}s` });
  const query = new URLSearchParams({ query: expression });
  if (target.instant) {
    query.set('time', String(scene.to));
  } else {
    query.set('start', String(scene.from));
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
  return found.map((one) => asSeries(one, target, scene, step));
}

function asTable(found: Series[], refId: string, value: string): DataFrame {
  const labels = Object.keys(found[0].metric);
  return createDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: found.map((one) => one.value![0] * 1000) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, values: found.map((one) => one.metric[label]) })),
      { name: value, type: FieldType.number, values: found.map((one) => Number(one.value![1])) },
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
